package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// settingsFile is read when the context names none.
const settingsFile = "deploy.yaml"

// input is what the application is told.
type input struct {
	settings deploy.Settings
	dist     string // folder with what was built: <function>.zip and the folder source
}

// readContext takes the file of settings, the folder of what was built, and
// settings by key, which win over the file. CDK's own keys are left alone; one
// that is close to a setting is a misspelling.
func readContext(context map[string]any) (input, error) {
	var problems []error
	overrides := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(context)) {
		switch {
		case key == "settings" || key == "dist" || strings.ContainsAny(key, "@:/"): // as CDK begins its own
		case slices.Contains(deploy.Keys(), key):
			overrides[key] = text(context[key])
		case deploy.Meant(key) != "":
			problems = append(problems, upgrade.KindInvalidDeployment.Field("context", key, "is not known", fmt.Sprintf("did you mean %q?", deploy.Meant(key))))
		}
	}
	in := input{dist: "dist"}
	if dist, given := context["dist"]; given {
		in.dist = text(dist)
	}
	path := text(context["settings"])
	if path == "" {
		if _, err := os.Stat(settingsFile); err == nil || len(overrides) == 0 {
			path = settingsFile
		}
	}
	settings, err := deploy.Load(path, overrides)
	in.settings = settings
	return in, errors.Join(append(problems, err)...)
}

// text returns a value of the context as it stands on the command line.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	data, err := json.Marshal(value) // JSON is YAML
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}
