// Command gitops answers a request in JSON on its standard input: it judges objects of Kubernetes by kstatus' own code,
// by Lua as Argo CD runs it, and by CEL as Flux does, and reads HelmReleases by Flux's own types.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helm "github.com/fluxcd/helm-controller/api/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type request struct {
	// By is what judges: kstatus, lua, cel or helmrelease.
	By      string            `json:"by"`
	Objects []json.RawMessage `json:"objects"`
	// Script is the Lua that is run for each object.
	Script string `json:"script"`
	// Expressions are the CEL that is evaluated for each object.
	Expressions expressions `json:"expressions"`
}

// An answer is what was made of one object.
type answer struct {
	Result any    `json:"result"`
	Error  string `json:"error,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var asked request
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return fmt.Errorf("the request cannot be read: %w", err)
	}
	judge, err := judgeFor(asked)
	if err != nil {
		return err
	}
	answers := make([]answer, 0, len(asked.Objects))
	for _, raw := range asked.Objects {
		result, err := judge(raw)
		if err != nil {
			answers = append(answers, answer{Error: err.Error()})
			continue
		}
		answers = append(answers, answer{Result: result})
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func judgeFor(asked request) (func(json.RawMessage) (any, error), error) {
	switch asked.By {
	case "kstatus":
		return ofObject(judgeByKstatus), nil
	case "lua":
		return ofObject(func(object *unstructured.Unstructured) (any, error) { return runLua(object, asked.Script) }), nil
	case "cel":
		evaluator, err := newEvaluator(asked.Expressions)
		if err != nil {
			return nil, err
		}
		return ofObject(evaluator.judge), nil
	case "helmrelease":
		return readHelmRelease, nil
	default:
		return nil, fmt.Errorf("by: %q is not one of kstatus, lua, cel, helmrelease", asked.By)
	}
}

// Whole numbers become int64, as in what a controller holds.
func ofObject(judge func(*unstructured.Unstructured) (any, error)) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		return judge(object)
	}
}

func judgeByKstatus(object *unstructured.Unstructured) (any, error) {
	result, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	return result.Status, nil
}

// Unknown fields are refused.
func readHelmRelease(raw json.RawMessage) (any, error) {
	var release helm.HelmRelease
	if err := yaml.UnmarshalStrict(raw, &release); err != nil {
		return nil, err
	}
	return release.Name, nil
}
