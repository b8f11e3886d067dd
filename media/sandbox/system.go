package sandbox

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// system is what every child reads: programs, their libraries, and what tells
// how many processors there are.
type system struct {
	// folders and files are there, under these names; links are the names of
	// symbolic links at the root, which most systems have for /lib and /bin.
	folders, files, links []string
	// devices are what GPUs need besides.
	devices, drivers []string
}

// programFolders hold programs and libraries, and nothing private.
func programFolders() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/run/opengl-driver"}
}

// look finds what there is of the system's paths, and where the programs lie
// outside of them.
func look(ctx context.Context, programs ...string) system {
	s := system{}
	for _, path := range programFolders() {
		switch info, err := os.Lstat(path); {
		case err != nil:
		case info.Mode()&os.ModeSymlink != 0:
			s.links = append(s.links, path)
		case info.IsDir():
			s.folders = append(s.folders, path)
		}
	}
	for _, path := range []string{"/etc/alternatives", "/sys/devices/system/cpu", "/sys/devices/system/node"} {
		if isDir(path) {
			s.folders = append(s.folders, path)
		}
	}
	s.files = append(existing("/etc/ld.so.cache", "/etc/ld-musl-*.path", "/dev/zero", "/dev/urandom"), programs...)
	for _, program := range programs {
		s.files = append(s.files, s.libraries(ctx, program)...)
	}
	slices.Sort(s.files)
	s.files = slices.Compact(s.files)
	s.devices = existing("/dev/nvidia*", "/dev/dri", "/dev/dxg", "/dev/kfd")
	s.drivers = existing("/sys", "/etc/OpenCL", "/etc/vulkan", "/etc/glvnd", "/etc/nvidia", "/etc/libva.conf", "/etc/drirc")
	return s
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// existing returns the paths that match one of the patterns.
func existing(patterns ...string) []string {
	var found []string
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err == nil { // The patterns are ours and well formed.
			found = append(found, paths...)
		}
	}
	return found
}

// libraries returns those of a program's shared libraries that lie outside of
// the system's folders, as the loader itself finds them. A program inside the
// folders is taken to have its libraries there too; one that cannot be
// asked gives none, and what is missing shows when the box is tried.
func (s system) libraries(ctx context.Context, program string) []string {
	if s.covers(program) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	loader := exec.CommandContext(ctx, program)
	loader.Env = []string{"LD_TRACE_LOADED_OBJECTS=1"} // ld.so(8): list them, and do not run the program.
	listing, err := loader.Output()
	if err != nil {
		return nil
	}
	var found []string
	for _, line := range regexp.MustCompile(`(?m)(/\S.*) \(0x[0-9a-f]+\)$`).FindAllSubmatch(listing, -1) {
		if path := string(line[1]); !s.covers(path) {
			found = append(found, path)
		}
	}
	return found
}

// covers tells whether a path, and what it is in the end, lie in the folders.
func (s system) covers(path string) bool {
	end, err := filepath.EvalSymlinks(path)
	return err == nil && within(path, slices.Concat(s.folders, s.links)) && within(end, s.folders)
}

func within(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(path, folder+"/") })
}
