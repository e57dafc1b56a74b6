package main

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// expressions are those of `healthCheckExprs`.
type expressions struct {
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

type verdict struct {
	status  status.Status
	program cel.Program
}

// An evaluator asks the expressions in Flux's order: RFC 0009.
type evaluator []verdict

func newEvaluator(asked expressions) (evaluator, error) {
	if asked.Current == "" {
		return nil, fmt.Errorf("current: it is missing, and Flux requires it")
	}
	// What Flux 2.8 gives to expressions: github.com/fluxcd/pkg/runtime/cel.
	environment, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Sets(),
		ext.Encoders(),
	)
	if err != nil {
		return nil, err
	}
	var made evaluator
	for _, each := range []struct {
		status status.Status
		text   string
	}{
		{status.InProgressStatus, asked.InProgress},
		{status.FailedStatus, asked.Failed},
		{status.CurrentStatus, asked.Current},
	} {
		if each.text == "" {
			continue
		}
		// Parsed and not compiled: Flux does not know an object's fields either.
		parsed, issues := environment.Parse(each.text)
		if issues != nil {
			return nil, fmt.Errorf("%s: %s", each.status, issues)
		}
		program, err := environment.Program(parsed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.status, err)
		}
		made = append(made, verdict{each.status, program})
	}
	return made, nil
}

func (e evaluator) judge(object *unstructured.Unstructured) (any, error) {
	observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err == nil && found && observed != object.GetGeneration() {
		return status.InProgressStatus, nil
	}
	for _, each := range e {
		value, _, err := each.program.Eval(object.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.status, err)
		}
		holds, isBool := value.(types.Bool)
		if !isBool {
			return nil, fmt.Errorf("%s: it is not true or false but %v", each.status, value)
		}
		if holds {
			return each.status, nil
		}
	}
	return status.InProgressStatus, nil
}
