// Command promql answers a request in JSON on its standard input: it evaluates queries and rules with Prometheus' own
// engine over series that it is given, and reads dashboards by the schema that Grafana publishes.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type request struct {
	// Series are what was scraped.
	Series []series `json:"series"`
	// Written are series in promtool's notation, one value each step.
	Written     []written `json:"written"`
	StepSeconds int64     `json:"stepSeconds"`
	// Queries are evaluated once, at a time in seconds.
	Queries []query `json:"queries"`
	// Groups are evaluated at each step until UntilSeconds.
	Groups       []group           `json:"groups"`
	UntilSeconds int64             `json:"untilSeconds"`
	Dashboards   []json.RawMessage `json:"dashboards"`
	Targets      []target          `json:"targets"`
}

type answer struct {
	Queries []queryAnswer `json:"queries"`
	Alerts  []firing      `json:"alerts"`
	// Dashboards are what Grafana's schema has against each; empty where that is nothing.
	Dashboards []string       `json:"dashboards"`
	Targets    []targetAnswer `json:"targets"`
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
		return fmt.Errorf("the request: %w", err)
	}
	store, err := newStore(asked)
	if err != nil {
		return err
	}
	evaluator := newEvaluator(store)
	answered := answer{Queries: []queryAnswer{}, Alerts: []firing{}, Dashboards: []string{}, Targets: []targetAnswer{}}
	for _, each := range asked.Queries {
		answered.Queries = append(answered.Queries, evaluator.answer(each))
	}
	if len(asked.Groups) > 0 {
		if answered.Alerts, err = evaluator.runRules(asked); err != nil {
			return err
		}
	}
	for _, each := range asked.Dashboards {
		answered.Dashboards = append(answered.Dashboards, readDashboard(each))
	}
	for _, each := range asked.Targets {
		answered.Targets = append(answered.Targets, relabelTarget(each))
	}
	return json.NewEncoder(os.Stdout).Encode(answered)
}
