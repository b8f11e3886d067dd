package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Stage is what a page or a program needs to know before it uploads.
type Stage struct {
	Stage          string   `json:"stage" doc:"The stage's name."`
	Version        string   `json:"version" doc:"The program's version."`
	Profiles       []string `json:"profiles" nullable:"false"`
	DefaultProfile string   `json:"default_profile"`
	MaxBytes       int64    `json:"max_bytes" doc:"Size of the largest upload in bytes."`
	SignIn         string   `json:"sign_in" enum:"none,password,token" doc:"How people get in: not at all, by POST /v1/auth/login, or with a token of an identity provider."`
	Notice         string   `json:"notice,omitempty" doc:"What people should know of the installed models."`
}

// Health says that the API answers.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

type stageOutput struct{ Body Stage }

type healthOutput struct{ Body Health }

func (a *API) registerStage() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-stage", Method: http.MethodGet, Path: "/v1/stage", Tags: []string{"stage"}, Summary: "Profiles, limits and notices",
	}, func(context.Context, *struct{}) (*stageOutput, error) {
		return &stageOutput{Stage{
			Stage: a.cfg.Stage, Version: a.cfg.Version, Profiles: a.cfg.Profiles, DefaultProfile: a.cfg.DefaultProfile,
			MaxBytes: a.cfg.MaxBytes, SignIn: a.signIn(), Notice: a.cfg.StarterNotice(),
		}}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: []string{"stage"}, Summary: "Whether the API answers",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Health{Status: "ok"}}, nil
	})
}
