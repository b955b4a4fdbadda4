// Checks kubeadm configuration files, every problem with its place.
//
//	go run . cluster.yaml
package main

import (
	"fmt"
	"os"

	k8sboot "github.com/k8sboot/k8sboot/k8sboot-ffi/go"
)

func main() {
	wrong := false
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			wrong = true
		}
	}
	if wrong {
		os.Exit(1)
	}
}

func check(file string) error {
	documents, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	facts := k8sboot.Facts{Hostname: hostname}
	report, err := k8sboot.Validate(string(documents), facts)
	if err != nil {
		return err
	}
	for _, problem := range append(report.Errors, report.Warnings...) {
		fmt.Printf("%s: %s\n", file, problem.Message)
	}
	if !report.Valid {
		return fmt.Errorf("%s: %d problems", file, len(report.Errors))
	}
	config, err := k8sboot.NewConfig(string(documents), facts, "")
	if err != nil {
		return err
	}
	defer config.Close()
	summary, err := config.Describe()
	if err != nil {
		return err
	}
	fmt.Printf("%s: node %s, Kubernetes %s, API server %s\n", file, summary.NodeName, summary.KubernetesVersion, summary.APIServer)
	return nil
}
