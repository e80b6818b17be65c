//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

const projectsPath = "projects"

type projectObject struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Purpose     string    `json:"purpose"`
	Environment string    `json:"environment"`
	Default     bool      `json:"default"`
	Resources   []string  `json:"resources"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
}

func (p projectObject) values() bridge.Values {
	const form = "2006-01-02T15:04:05Z"
	return bridge.Values{
		"name": p.Name, "description": p.Description, "purpose": p.Purpose, "environment": p.Environment,
		"isDefault": p.Default, "ownerUuid": "99525febec065ca37b2ffe4f852fd2b2581895e7", "ownerId": 1,
		"createdAt": p.Created.UTC().Format(form), "updatedAt": p.Updated.UTC().Format(form),
		"resources": unique(p.Resources),
	}
}

func project(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token:  "digitalocean:index/project:Project",
		Meta:   `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"delete":180000000000}}`,
		Fields: projectFields(),
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			now := time.Now().UTC().Truncate(time.Second)
			p := projectObject{ID: cloud.NewUUID(), Created: now}
			err := a.putProject("POST", projectsPath, &p, in)
			if err != nil {
				return "", nil, fmt.Errorf("Error creating Project: %w", err)
			}
			return p.ID, p.values(), nil
		},
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			_, p, err := a.project("GET", id)
			return p.values(), gone(err)
		},
		Update: func(_ context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			_, p, err := a.project("PUT", id)
			if err != nil {
				return nil, gone(err)
			}
			err = a.putProject("PUT", projectsPath+"/"+id, &p, in)
			return p.values(), err
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			l, p, err := a.project("DELETE", id)
			if err != nil {
				return gone(err)
			}
			if p.Default {
				return fmt.Errorf("Error deleting project (%s): %w", id,
					apiError("DELETE", projectsPath+"/"+id, http.StatusPreconditionFailed, "cannot delete the default project"))
			}
			return l.store.Delete(cloud.Projects, id)
		},
	}
}

func projectFields() bridge.Fields {
	name := autoName()
	name.Check = func(n string, v any) error {
		if err := bridge.NotEmpty(n, v); err != nil {
			return err
		}
		return bridge.LengthBetween(1, 175)(n, v)
	}
	return bridge.Fields{
		"name":        name,
		"description": {Type: bridge.String, Optional: true, Default: "", Check: bridge.LengthBetween(0, 255)},
		"purpose":     {Type: bridge.String, Optional: true, Default: "Web Application", Check: bridge.LengthBetween(0, 255)},
		"environment": {Type: bridge.String, Optional: true, Check: bridge.OneOfFold("development", "staging", "production"),
			Same: func(prior, planned any, _ *bridge.Plan) bool {
				old, _ := prior.(string)
				now, ok := planned.(string)
				return ok && strings.EqualFold(old, now)
			}},
		"isDefault": {Type: bridge.Bool, Optional: true, Default: false},
		"resources": {Type: bridge.Set, Optional: true, Computed: true, Elem: &bridge.Field{Type: bridge.String}},
		"ownerUuid": computed(bridge.String), "ownerId": computed(bridge.Int),
		"createdAt": computed(bridge.String), "updatedAt": computed(bridge.String),
	}
}

func (a *account) project(method, id string) (lab, projectObject, error) {
	l, err := a.request(method, projectsPath+"/"+id)
	if err != nil {
		return l, projectObject{}, fmt.Errorf("Error reading Project: %w", err)
	}
	var p projectObject
	err = l.store.Get(cloud.Projects, id, &p)
	return l, p, err
}

func (a *account) putProject(method, path string, p *projectObject, in bridge.Values) error {
	l, err := a.request(method, path)
	if err != nil {
		return err
	}
	p.Name, p.Description, p.Purpose = in.String("name"), in.String("description"), in.String("purpose")
	p.Environment, p.Default = in.String("environment"), in.Bool("isDefault")
	if in.Has("resources") {
		p.Resources = in.Strings("resources")
	}
	p.Updated = time.Now().UTC().Truncate(time.Second)
	return l.store.Put(cloud.Projects, p.ID, p)
}
