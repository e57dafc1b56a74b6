package main

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// target is what service discovery says of a pod or an endpoint, and what is to be made of it.
type target struct {
	Labels      map[string]string `json:"labels"`
	Relabelings []relabeling      `json:"relabelings"`
}

// relabeling is one step, as the Prometheus Operator's API writes it.
type relabeling struct {
	SourceLabels []string `json:"sourceLabels"`
	Regex        string   `json:"regex"`
	TargetLabel  string   `json:"targetLabel"`
	Replacement  string   `json:"replacement"`
	Action       string   `json:"action"`
}

type targetAnswer struct {
	Error  string            `json:"error"`
	Labels map[string]string `json:"labels"`
	Kept   bool              `json:"kept"`
}

func relabelTarget(asked target) targetAnswer {
	var steps []*relabel.Config
	for _, each := range asked.Relabelings {
		step := relabel.DefaultRelabelConfig
		step.NameValidationScheme = model.UTF8Validation
		step.TargetLabel = each.TargetLabel
		for _, name := range each.SourceLabels {
			step.SourceLabels = append(step.SourceLabels, model.LabelName(name))
		}
		if each.Regex != "" {
			regex, err := relabel.NewRegexp(each.Regex)
			if err != nil {
				return targetAnswer{Error: err.Error()}
			}
			step.Regex = regex
		}
		if each.Replacement != "" {
			step.Replacement = each.Replacement
		}
		if each.Action != "" {
			step.Action = relabel.Action(each.Action)
		}
		if err := step.Validate(model.UTF8Validation); err != nil {
			return targetAnswer{Error: err.Error()}
		}
		steps = append(steps, &step)
	}
	made := labels.NewBuilder(labels.FromMap(asked.Labels))
	kept := relabel.ProcessBuilder(made, steps...)
	return targetAnswer{Labels: made.Labels().Map(), Kept: kept}
}
