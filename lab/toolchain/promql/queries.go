package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

type query struct {
	Expr      string `json:"expr"`
	AtSeconds int64  `json:"atSeconds"`
}

type queryAnswer struct {
	Error  string           `json:"error"`
	Series []answeredSeries `json:"series"`
	// Selectors are what the query reads.
	Selectors []selectorAnswer `json:"selectors"`
	// UnknownLabels are labels by which it groups or joins, and which nothing that it reads has.
	UnknownLabels []string `json:"unknownLabels"`
	// Infos are what Prometheus remarks, such as a rate of something that is no counter.
	Infos []string `json:"infos"`
}

type answeredSeries struct {
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

type selectorAnswer struct {
	Selector string `json:"selector"`
	Metric   string `json:"metric"`
	// Series counts those of the metric, whatever their labels.
	Series int `json:"series"`
	// Matched counts those that the selector takes.
	Matched int `json:"matched"`
	// UnknownLabels are labels of the selector that no series of the metric has.
	UnknownLabels []string `json:"unknownLabels"`
}

type evaluator struct {
	store  *store
	engine *promql.Engine
	parser parser.Parser
}

func newEvaluator(from *store) *evaluator {
	reader := parser.NewParser(parser.Options{})
	options := promql.EngineOpts{
		MaxSamples:           50_000_000,
		Timeout:              time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               reader,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return time.Minute.Milliseconds()
		},
	}
	return &evaluator{from, promql.NewEngine(options), reader}
}

func (e *evaluator) answer(asked query) queryAnswer {
	answered := queryAnswer{Series: []answeredSeries{}, Selectors: []selectorAnswer{}, UnknownLabels: []string{}, Infos: []string{}}
	parsed, err := e.parser.ParseExpr(asked.Expr)
	if err != nil {
		answered.Error = err.Error()
		return answered
	}
	answered.Selectors, answered.UnknownLabels = e.inspect(parsed)
	samples, infos, err := e.evaluate(asked.Expr, asked.AtSeconds*1000)
	if err != nil {
		answered.Error = err.Error()
	}
	answered.Infos = infos
	for _, sample := range samples {
		answered.Series = append(answered.Series, answeredSeries{sample.Metric.Map(), fmt.Sprint(sample.F)})
	}
	return answered
}

func (e *evaluator) evaluate(expr string, milliseconds int64) ([]promql.Sample, []string, error) {
	asked, err := e.engine.NewInstantQuery(context.Background(), e.store, nil, expr, time.UnixMilli(milliseconds))
	if err != nil {
		return nil, []string{}, err
	}
	defer asked.Close()
	result := asked.Exec(context.Background())
	warnings, infos := result.Warnings.AsStrings(expr, 0, 0)
	remarks := append(append([]string{}, warnings...), infos...)
	if result.Err != nil {
		return nil, remarks, result.Err
	}
	switch value := result.Value.(type) {
	case promql.Vector:
		// The engine takes its memory back with Close.
		return slices.Clone(value), remarks, nil
	case promql.Scalar:
		return []promql.Sample{{T: value.T, F: value.V}}, remarks, nil
	}
	return nil, remarks, fmt.Errorf("%s is neither a vector nor a number", expr)
}

// inspect tells what a query reads, and by which labels it groups and joins that nothing there has.
func (e *evaluator) inspect(parsed parser.Expr) ([]selectorAnswer, []string) {
	selectors, unknown := []selectorAnswer{}, []string{}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch found := node.(type) {
		case *parser.VectorSelector:
			selectors = append(selectors, e.look(found))
		case *parser.AggregateExpr:
			if !found.Without {
				unknown = append(unknown, e.missing(found.Grouping, found.Expr)...)
			}
		case *parser.BinaryExpr:
			if found.VectorMatching != nil && found.VectorMatching.On {
				unknown = append(unknown, e.missing(found.VectorMatching.MatchingLabels, found.LHS)...)
				unknown = append(unknown, e.missing(found.VectorMatching.MatchingLabels, found.RHS)...)
			}
		}
		return nil
	})
	return selectors, unknown
}

func (e *evaluator) look(selector *parser.VectorSelector) selectorAnswer {
	answered := selectorAnswer{Selector: selector.String(), Metric: metricOf(selector), UnknownLabels: []string{}}
	same := e.store.find(labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, answered.Metric))
	answered.Series, answered.Matched = len(same), len(e.store.find(selector.LabelMatchers...))
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name != labels.MetricName && !e.someHas(same, matcher.Name) {
			answered.UnknownLabels = append(answered.UnknownLabels, matcher.Name)
		}
	}
	return answered
}

func metricOf(selector *parser.VectorSelector) string {
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name == labels.MetricName {
			return matcher.Value
		}
	}
	return selector.Name
}

func (e *evaluator) missing(wanted []string, below parser.Node) []string {
	var keys, missing []string
	parser.Inspect(below, func(node parser.Node, _ []parser.Node) error {
		if found, is := node.(*parser.VectorSelector); is {
			metric := labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, metricOf(found))
			keys = append(keys, e.store.find(metric)...)
		}
		return nil
	})
	for _, name := range wanted {
		if !e.someHas(keys, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func (e *evaluator) someHas(keys []string, label string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return e.store.names[key].Has(label) })
}
