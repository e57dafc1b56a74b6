package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type series struct {
	Labels map[string]string `json:"labels"`
	// Samples are pairs of seconds and value.
	Samples [][2]float64 `json:"samples"`
}

type written struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

// point is a sample of a series, as the storage's interface wants one.
type point struct {
	milliseconds int64
	value        float64
}

func (p point) T() int64                      { return p.milliseconds }
func (p point) ST() int64                     { return 0 }
func (p point) F() float64                    { return p.value }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }

// store holds every series in memory.
type store struct {
	names  map[string]labels.Labels
	points map[string][]chunks.Sample
}

func newStore(asked request) (*store, error) {
	made := &store{names: map[string]labels.Labels{}, points: map[string][]chunks.Sample{}}
	for _, each := range asked.Series {
		for _, sample := range each.Samples {
			made.add(labels.FromMap(each.Labels), int64(sample[0]*1000), sample[1])
		}
	}
	reader := parser.NewParser(parser.Options{})
	for _, each := range asked.Written {
		name, values, err := reader.ParseSeriesDesc(each.Series + " " + each.Values)
		if err != nil {
			return nil, fmt.Errorf("series %s %s: %w", each.Series, each.Values, err)
		}
		for i, value := range values {
			if !value.Omitted {
				made.add(name, int64(i)*asked.StepSeconds*1000, value.Value)
			}
		}
	}
	return made, nil
}

func (s *store) add(name labels.Labels, milliseconds int64, value float64) {
	key := name.String()
	s.names[key] = name
	s.points[key] = append(s.points[key], point{milliseconds, value})
}

func (s *store) find(matchers ...*labels.Matcher) []string {
	var found []string
	for key, name := range s.names {
		if matches(name, matchers) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	return found
}

func matches(name labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(name.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

func (s *store) Querier(_, _ int64) (storage.Querier, error) { return querier{s}, nil }

type querier struct{ store *store }

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &seriesSet{at: -1}
	for _, key := range q.store.find(matchers...) {
		found.entries = append(found.entries, storage.NewListSeries(q.store.names[key], q.store.points[key]))
	}
	return found
}

func (q querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (q querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (q querier) Close() error { return nil }

type seriesSet struct {
	entries []storage.Series
	at      int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.entries) }
func (s *seriesSet) At() storage.Series                { return s.entries[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }
