// Makes everything that the first control-plane node of a cluster needs below a directory, and prints how other nodes
// join. Interrupted (Ctrl-C) and run again it goes on where it was; run once more it changes nothing.
//
//	go run ./init ../seed-cluster.yaml demo-node
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	k8sboot "github.com/k8sboot/k8sboot/k8sboot-ffi/go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatalf("usage: %s CONFIG ROOT", os.Args[0])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, file, root string) error {
	yaml, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	facts, err := k8sboot.GatherFacts(root)
	if err != nil {
		return err
	}
	// Used if the configuration names no bootstrap token.
	token, err := k8sboot.GenerateToken()
	if err != nil {
		return err
	}
	config, err := k8sboot.NewConfig(string(yaml), facts, token)
	if err != nil {
		return err
	}
	defer config.Close()
	flow, err := k8sboot.NewInit(config, root, k8sboot.InitOptions{})
	if err != nil {
		return err
	}
	defer flow.Close()
	report, err := flow.Run(ctx, func(event k8sboot.Event) error {
		if event.Kind == k8sboot.StepDone {
			log.Printf("%s: %d/%d %s", event.Stage, event.Step, event.Steps, event.Text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	joins, err := flow.JoinCommands()
	if err != nil {
		return err
	}
	fmt.Printf("%d steps changed something; nodes join with:\n", report.Changed)
	for _, join := range joins {
		fmt.Println(join)
	}
	return nil
}
