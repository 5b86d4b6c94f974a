// Runs a pipeline once and says what changed: run_pipeline http://localhost:7070 shop shop-2026-01-01T12:00
//
// The variable ICEFRONT_TOKEN has the key, if the service asks for one. It ends with 0 if the run succeeded, with 1 if the run failed, and with 2 if a call was refused.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"example.com/shop/icefront"
)

// problems sends the key, and makes an error of each answer from 400 on, so that all other answers have a body.
type problems struct{ http.Client }

// refused is an answer that is a problem.
type refused struct{ icefront.Problem }

func (p *problems) Do(request *http.Request) (*http.Response, error) {
	if token := os.Getenv("ICEFRONT_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := p.Client.Do(request)
	if err != nil || answer.StatusCode < http.StatusBadRequest {
		return answer, err
	}
	defer answer.Body.Close()
	var problem refused
	if answer.Header.Get("Content-Type") != "application/problem+json" {
		return nil, errors.New(answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&problem.Problem); err != nil {
		return nil, err
	}
	return nil, problem
}

func (r refused) Error() string {
	return fmt.Sprintf("refused with %d: %s: %s", r.Status, r.Type, r.Detail)
}

func main() {
	err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.As(err, new(refused)) {
		os.Exit(2)
	}
	os.Exit(1)
}

func run(ctx context.Context, address, pipeline, key string) error {
	client, err := icefront.NewClientWithResponses(address, icefront.WithHTTPClient(new(problems)))
	if err != nil {
		return err
	}
	run, err := start(ctx, client, pipeline, key)
	if err != nil {
		return err
	}
	for !run.Terminal {
		wait := "55s"
		answer, err := client.GetRunWithResponse(ctx, run.Id, &icefront.GetRunParams{Wait: &wait})
		if err != nil {
			return err
		}
		run = answer.JSON200
	}
	outcome, err := client.GetRunOutcomeWithResponse(ctx, run.Id)
	if err != nil {
		return err
	}
	run = outcome.JSON200
	fmt.Printf("run %s: %s in %.3f s\n", run.Id, run.State, *run.DurationSeconds)
	steps, err := client.ListRunStepsWithResponse(ctx, run.Id, &icefront.ListRunStepsParams{})
	if err != nil {
		return err
	}
	for _, step := range steps.JSON200.Data {
		fmt.Printf("step %s: %s in %.3f s\n", step.Name, step.State, step.DurationSeconds)
	}
	if run.Error != nil {
		return fmt.Errorf("%s: %s: %s", *run.Error.Step, run.Error.Type, run.Error.Detail)
	}
	changes, err := client.ListRunChangesWithResponse(ctx, run.Id, &icefront.ListRunChangesParams{})
	if err != nil {
		return err
	}
	for _, change := range changes.JSON200.Data {
		name := change.Table
		if name == nil {
			name = change.Model
		}
		fmt.Printf("changes of %s: %d inserted, %d updated, %d deleted\n", *name, change.Inserted, change.Updated, change.Deleted)
	}
	if err := printOrders(ctx, client, pipeline+".orders"); err != nil {
		return err
	}
	return printLastHour(ctx, client, pipeline)
}

// start gives the new run. If the answer is lost, the same call with the same key gives the same run.
func start(ctx context.Context, client *icefront.ClientWithResponses, pipeline, key string) (*icefront.Run, error) {
	body := icefront.StartRun{Labels: &map[string]string{"client": "go"}}
	answer, err := client.StartRunWithResponse(ctx, pipeline, &icefront.StartRunParams{IdempotencyKey: &key}, body)
	if err != nil {
		return nil, err
	}
	if answer.JSON200 != nil {
		return answer.JSON200, nil
	}
	return answer.JSON202, nil
}

func printOrders(ctx context.Context, client *icefront.ClientWithResponses, table string) error {
	limit := 2
	page, err := client.ListRowsWithResponse(ctx, table, &icefront.ListRowsParams{Limit: &limit})
	if err != nil {
		return err
	}
	first, second := page.JSON200.Data[0], page.JSON200.Data[1]
	fmt.Printf("order %s: %s, %s\n", first["order_id"], first["status"], first["order_sum"])
	key := map[string]string{"key.order_id": fmt.Sprint(second["order_id"])}
	one, err := client.ListRowsWithResponse(ctx, table, &icefront.ListRowsParams{Key: &key})
	if err != nil {
		return err
	}
	for _, order := range one.JSON200.Data {
		fmt.Printf("order %s: %s, %s\n", order["order_id"], order["status"], order["order_sum"])
	}
	return nil
}

// printLastHour follows `next` to the last page.
func printLastHour(ctx context.Context, client *icefront.ClientWithResponses, pipeline string) error {
	limit := 2
	since := time.Now().Add(-time.Hour)
	states := []icefront.RunState{icefront.RunStateSucceeded, icefront.RunStateFailed}
	which := icefront.ListRunsParams{Pipeline: &pipeline, State: &states, Since: &since, Limit: &limit}
	for {
		page, err := client.ListRunsWithResponse(ctx, &which)
		if err != nil {
			return err
		}
		for _, run := range page.JSON200.Data {
			fmt.Printf("in the last hour: %s %s %s\n", run.Kind, run.Id, run.State)
		}
		if which.After = page.JSON200.Next; which.After == nil {
			return nil
		}
	}
}
