// Command nemotron-rego evaluates Rego policies with OPA's own library, without OPA's server, plugins and downloads.
//
// Its argument is a folder of policies. It reads a map of inputs as JSON and prints, under the same keys, what
// `data.policy.deny` says of each.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-policy-agent/opa/v1/rego"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: nemotron-rego FOLDER < inputs.json"))
	}
	var inputs map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&inputs); err != nil {
		fail(fmt.Errorf("the inputs are no map in JSON: %w", err))
	}
	denied, err := evaluate(context.Background(), os.Args[1], inputs)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(denied); err != nil {
		fail(err)
	}
}

func evaluate(ctx context.Context, folder string, inputs map[string]any) (map[string]any, error) {
	query, err := rego.New(
		rego.Query("data.policy.deny"),
		rego.Load([]string{folder}, nil),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	denied := make(map[string]any, len(inputs))
	for name, input := range inputs {
		results, err := query.Eval(ctx, rego.EvalInput(input))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(results) == 0 {
			return nil, fmt.Errorf("%s: the policies in %s define no data.policy.deny", name, folder)
		}
		denied[name] = results[0].Expressions[0].Value
	}
	return denied, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nemotron-rego:", err)
	os.Exit(1)
}
