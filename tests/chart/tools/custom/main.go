// Reads manifests from its input, and fails if an HTTPRoute, a ServiceMonitor or a PrometheusRule has a field that its API does not have, or one of
// another type.
// Their definitions are no part of Kubernetes, so kubeconform does not know them.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	seen, failed := 0, 0
	documents := kubeyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			var known bool
			known, err = check(document)
			if known {
				seen++
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "custom:", err)
			failed++
		}
	}
	fmt.Printf("custom: %d right, %d wrong\n", seen-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// check says whether it knows the kind of a document, and what is wrong with it.
func check(document []byte) (bool, error) {
	var of struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(document, &of); err != nil {
		return false, err
	}
	var into any
	switch of.APIVersion + "/" + of.Kind {
	case "gateway.networking.k8s.io/v1/HTTPRoute":
		into = &gateway.HTTPRoute{}
	case "monitoring.coreos.com/v1/ServiceMonitor":
		into = &monitoring.ServiceMonitor{}
	case "monitoring.coreos.com/v1/PrometheusRule":
		into = &monitoring.PrometheusRule{}
	default:
		return false, nil
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		return true, fmt.Errorf("%s: %w", of.Kind, err)
	}
	return true, nil
}
