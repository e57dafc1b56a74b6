package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

type group struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type rule struct {
	Record      string            `json:"record"`
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	KeepFiring  string            `json:"keep_firing_for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// firing is one alert for one set of labels.
type firing struct {
	Alert       string            `json:"alert"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// FromSeconds and ToSeconds are the first and the last evaluation at which it fired.
	FromSeconds int64 `json:"fromSeconds"`
	ToSeconds   int64 `json:"toSeconds"`
}

// evaluation is one run of all rules over time.
type evaluation struct {
	evaluator *evaluator
	// since is when an alert last began to hold, for each set of its labels.
	since map[string]int64
	// fires says which of them fire, and missing since when such a one does not hold any more.
	fires   map[string]bool
	missing map[string]int64
	fired   map[string]*firing
	// told are the alerts that fired at the last evaluation, with the series ALERTS that says so.
	told map[string]labels.Labels
	// order is that in which they fired.
	order []string
}

// runRules evaluates all rules step by step: what is recorded is there for the rules after it.
func (e *evaluator) runRules(asked request) ([]firing, error) {
	now := evaluation{
		evaluator: e,
		since:     map[string]int64{},
		fires:     map[string]bool{},
		missing:   map[string]int64{},
		fired:     map[string]*firing{},
		told:      map[string]labels.Labels{},
	}
	for seconds := int64(0); seconds <= asked.UntilSeconds; seconds += asked.StepSeconds {
		for _, group := range asked.Groups {
			for _, rule := range group.Rules {
				if err := now.evaluate(rule, seconds); err != nil {
					return nil, fmt.Errorf("%s%s: %w", rule.Record, rule.Alert, err)
				}
			}
		}
	}
	answered := []firing{}
	for _, key := range now.order {
		answered = append(answered, *now.fired[key])
	}
	return answered, nil
}

func (r *evaluation) evaluate(rule rule, seconds int64) error {
	samples, _, err := r.evaluator.evaluate(rule.Expr, seconds*1000)
	if err != nil {
		return err
	}
	if rule.Record != "" {
		r.evaluator.record(rule, samples, seconds)
		return nil
	}
	pending, err := model.ParseDuration(rule.For)
	if err != nil {
		return err
	}
	keeps := model.Duration(0)
	if rule.KeepFiring != "" {
		if keeps, err = model.ParseDuration(rule.KeepFiring); err != nil {
			return err
		}
	}
	holds := map[string]promql.Sample{}
	for _, sample := range samples {
		holds[rule.Alert+sample.Metric.DropReserved(isMetricName).String()] = sample
	}
	maps.DeleteFunc(r.since, func(key string, _ int64) bool {
		if _, still := holds[key]; still || !strings.HasPrefix(key, rule.Alert+"{") {
			return false
		}
		if _, known := r.missing[key]; !known {
			r.missing[key] = seconds
		}
		if r.fires[key] && time.Duration(seconds-r.missing[key])*time.Second < time.Duration(keeps) {
			r.fired[key].ToSeconds = seconds
			return false
		}
		delete(r.fires, key)
		delete(r.missing, key)
		return true
	})
	for _, key := range slices.Sorted(maps.Keys(holds)) {
		delete(r.missing, key)
		if _, known := r.since[key]; !known {
			r.since[key] = seconds
		}
		if time.Duration(seconds-r.since[key])*time.Second < time.Duration(pending) {
			continue
		}
		if r.fired[key] == nil {
			if r.fired[key], err = expand(rule, holds[key], seconds); err != nil {
				return err
			}
			r.order = append(r.order, key)
		}
		r.fires[key], r.fired[key].ToSeconds = true, seconds
	}
	r.tell(rule, seconds)
	return nil
}

// tell writes ALERTS of what fires, as Prometheus does, for the rules that ask what fired before.
func (r *evaluation) tell(rule rule, now int64) {
	for key, name := range r.told {
		if strings.HasPrefix(key, rule.Alert+"{") && !r.fires[key] {
			r.evaluator.store.add(name, now*1000, math.Float64frombits(value.StaleNaN))
			delete(r.told, key)
		}
	}
	for key := range r.fires {
		if !strings.HasPrefix(key, rule.Alert+"{") {
			continue
		}
		named := labels.NewBuilder(labels.FromMap(r.fired[key].Labels))
		named.Set(labels.MetricName, "ALERTS").Set("alertname", rule.Alert).Set("alertstate", "firing")
		r.told[key] = named.Labels()
		r.evaluator.store.add(r.told[key], now*1000, 1)
	}
}

func (e *evaluator) record(rule rule, samples []promql.Sample, now int64) {
	for _, sample := range samples {
		named := labels.NewBuilder(sample.Metric).Set(labels.MetricName, rule.Record)
		for name, value := range rule.Labels {
			named.Set(name, value)
		}
		e.store.add(named.Labels(), now*1000, sample.F)
	}
}

func isMetricName(name string) bool { return name == labels.MetricName }

// expand writes labels and annotations as Prometheus does, but refuses a label that the alert does not have.
func expand(rule rule, sample promql.Sample, now int64) (*firing, error) {
	known := sample.Metric.DropReserved(isMetricName).Map()
	made := &firing{Alert: rule.Alert, Labels: maps.Clone(known), Annotations: map[string]string{}, FromSeconds: now}
	data := template.AlertTemplateData(known, map[string]string{}, "", sample)
	const shorthand = "{{$labels := .Labels}}{{$value := .Value}}"
	for name, text := range rule.Annotations {
		expander := template.NewTemplateExpander(
			context.Background(), shorthand+text, rule.Alert, data, model.Time(now*1000), nil, &url.URL{},
			[]string{"missingkey=error"},
		)
		said, err := expander.Expand()
		if err != nil {
			return nil, fmt.Errorf("annotation %s: %w", name, err)
		}
		made.Annotations[name] = said
	}
	maps.Copy(made.Labels, rule.Labels)
	return made, nil
}
