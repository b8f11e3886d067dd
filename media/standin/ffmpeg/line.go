package main

import (
	"slices"
	"strings"
)

// line is ffmpeg's command line: inputs and outputs, each with the options in
// front of it. Options of the whole are those of the first part.
type line struct{ parts []part }

// part is an input or an output; name is its file.
type part struct {
	options []option
	input   bool
	name    string
}

type option struct{ name, value string }

// flags are the options that have no value.
var flags = []string{"nostdin", "hide_banner", "y", "noaccurate_seek", "version"}

func parse(args []string) *line {
	l := &line{}
	at := part{}
	for i := 0; i < len(args); i++ {
		name, isOption := strings.CutPrefix(args[i], "-")
		switch {
		case !isOption || name == "":
			at.name = args[i]
		case slices.Contains(flags, name) || i+1 == len(args):
			at.options = append(at.options, option{name: name})
			continue
		case name == "i":
			i++
			at.input, at.name = true, args[i]
		default:
			i++
			at.options = append(at.options, option{name, args[i]})
			continue
		}
		l.parts = append(l.parts, at)
		at = part{}
	}
	if len(at.options) > 0 {
		l.parts = append(l.parts, at)
	}
	return l
}

// args is the line as it was given.
func (l *line) args() (args []string) {
	for _, p := range l.parts {
		for _, o := range p.options {
			args = append(args, "-"+o.name)
			if !slices.Contains(flags, o.name) {
				args = append(args, o.value)
			}
		}
		if p.input {
			args = append(args, "-i")
		}
		if p.name != "" {
			args = append(args, p.name)
		}
	}
	return args
}

func (l *line) outputs() (outputs []*part) {
	for i := range l.parts {
		if !l.parts[i].input {
			outputs = append(outputs, &l.parts[i])
		}
	}
	return outputs
}

func (l *line) hardware() bool {
	return slices.ContainsFunc(l.outputs(), (*part).hardware)
}

func (p *part) hardware() bool {
	codec := p.get("c:v")
	return strings.HasPrefix(codec, "h264_")
}

func (p *part) get(name string) string {
	for _, o := range p.options {
		if o.name == name {
			return o.value
		}
	}
	return ""
}

func (p *part) set(name, value string) {
	p.drop(name)
	p.options = append(p.options, option{name, value})
}

func (p *part) drop(name string) {
	p.options = slices.DeleteFunc(p.options, func(o option) bool { return o.name == name })
}

// global is an option of the whole.
func (l *line) global(name string) string { return l.parts[0].get(name) }

func (l *line) graph() string {
	for _, p := range l.parts {
		if graph := p.get("filter_complex"); graph != "" {
			return graph
		}
	}
	return ""
}

func (l *line) setGraph(graph string) {
	for i := range l.parts {
		for j, o := range l.parts[i].options {
			if o.name == "filter_complex" {
				l.parts[i].options[j].value = graph
			}
		}
	}
}

// filter puts a filter between the graph and the picture of an output, which comes first.
func (l *line) filter(out *part, filter string) {
	label := out.get("map")
	behind := strings.TrimSuffix(label, "]") + "x]"
	l.setGraph(l.graph() + ";" + label + filter + behind)
	for i, o := range out.options {
		if o.name == "map" {
			out.options[i].value = behind
			return
		}
	}
}
