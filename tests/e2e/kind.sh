#!/usr/bin/env bash
# A kind cluster with KServe (Standard mode), Gateway API, Kubeflow Pipelines and an S3 store, and the cluster tests on it.
#
#   kind.sh up|test|down [--plan]     --plan prints each step and does nothing
#
# Needs docker, kind, kubectl, sudo (for one route) and the network. Every version is pinned here.
set -euo pipefail
cd "$(dirname "$0")/../.."

NAME=adore
NODE=kindest/node:v1.32.2
CERT_MANAGER=v1.17.1
GATEWAY_API=v1.2.1
ENVOY_GATEWAY=v1.3.0
KSERVE=v0.20.0 # what the cluster tests have run on
PIPELINES=2.17.0 # that of the kfp package; from 2.16 on its own pods keep to the restricted profile
GITHUB=https://github.com
TAG=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

plan=0
verb=${1:-}
[ "${2:-}" != --plan ] || plan=1

step() { # step COMMAND...: say it; do it unless --plan
  printf '+ %s\n' "$*"
  [ "$plan" = 1 ] || "$@"
}

ask() { # ask COMMAND...: its answer, or with --plan its words
  if [ "$plan" = 1 ]; then echo "\$($*)"; else "$@"; fi
}

again() { # again COMMAND...: as step, up to five times: a webhook's certificate, or an image, may need a moment
  local try
  printf '+ %s\n' "$*"
  [ "$plan" = 0 ] || return 0
  for try in 1 2 3 4 5; do
    if "$@"; then return 0; fi
    [ "$try" = 5 ] || sleep 10
  done
  return 1
}

labelled() { # labelled NAMESPACE KEY: a namespace that may speak to ours
  step kubectl label namespace "$1" "$2=true" --overwrite
}

up() {
  step kind create cluster --name "$NAME" --image "$NODE" --wait 180s
  step make images IMAGES="router server student" TAG="$TAG"
  step kind load docker-image --name "$NAME" "adore/router:$TAG" "adore/server:$TAG" "adore/student:$TAG"
  step docker tag "adore/student:$TAG" "adore/teacher:$TAG" # the tiny teacher needs no CUDA
  step kind load docker-image --name "$NAME" "adore/teacher:$TAG"
  step kubectl apply -f "$GITHUB/cert-manager/cert-manager/releases/download/$CERT_MANAGER/cert-manager.yaml"
  step kubectl -n cert-manager wait --for=condition=Available deployment --all --timeout=300s
  step kubectl apply -f "$GITHUB/kubernetes-sigs/gateway-api/releases/download/$GATEWAY_API/standard-install.yaml"
  step kubectl apply --server-side -f "$GITHUB/envoyproxy/gateway/releases/download/$ENVOY_GATEWAY/install.yaml"
  step kubectl -n envoy-gateway-system wait --for=condition=Available deployment --all --timeout=300s
  # kserve.yaml has no Namespace, and holds objects of CRDs that it brings itself: these are refused until the CRDs are
  # known (kserve v0.20.0, hack/release/generate-install.sh)
  step kubectl create namespace kserve
  again kubectl apply --server-side --force-conflicts -f "$GITHUB/kserve/kserve/releases/download/$KSERVE/kserve.yaml"
  step kubectl -n kserve wait --for=condition=Available deployment --all --timeout=300s
  again kubectl apply --server-side --force-conflicts -f "$GITHUB/kserve/kserve/releases/download/$KSERVE/kserve-cluster-resources.yaml"
  step kubectl -n kserve patch configmap inferenceservice-config --type=merge -p '{"data":{"deploy":"{\"defaultDeploymentMode\":\"Standard\"}","ingress":"{\"disableIngressCreation\":true,\"ingressGateway\":\"none/none\"}"}}'
  again kubectl apply -k "$GITHUB/kubeflow/pipelines/manifests/kustomize/cluster-scoped-resources?ref=$PIPELINES&timeout=180s"
  step kubectl wait --for=condition=Established --timeout=60s crd/applications.app.k8s.io
  again kubectl apply -k "$GITHUB/kubeflow/pipelines/manifests/kustomize/env/platform-agnostic?ref=$PIPELINES&timeout=180s"
  step kubectl -n kubeflow wait --for=condition=Available deployment --all --timeout=900s
  step kubectl apply --server-side --force-conflicts -f tests/e2e/kind-objects.yaml
  step kubectl apply -k manifests/overlays/kind
  step kubectl apply -f manifests/standalone.yaml
  # the keys that Kubeflow Pipelines publishes for its own store
  step kubectl -n kubeflow create secret generic adore-s3 --from-literal=AWS_ACCESS_KEY_ID=minio --from-literal=AWS_SECRET_ACCESS_KEY=minio123 --from-literal=AWS_DEFAULT_REGION=us-east-1 --from-literal=AWS_ENDPOINT_URL=http://seaweedfs.kubeflow.svc:9000
  labelled envoy-gateway-system adore.dev/gateway
  labelled kubeflow adore.dev/storage
}

run_tests() {
  local node host pipelines
  node=$(ask docker inspect -f '{{.NetworkSettings.Networks.kind.IPAddress}}' "$NAME-control-plane")
  host=$(ask docker network inspect kind -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}')
  [ "$plan" = 1 ] || host=$(tr ' ' '\n' <<<"$host" | grep -m1 -F .) # its address of IPv4
  step sudo ip route replace 10.96.0.0/16 via "$node" # Services, for the requests that come from this machine
  step env KUBECONFIG="$HOME/.kube/config" CLUSTER_HOST_IP="$host" ADORE_TAG="$TAG" make test-cluster
  pipelines=$(ask kubectl -n kubeflow get service ml-pipeline -o 'jsonpath={.spec.clusterIP}')
  step mkdir -p build
  step sh -c "cat tests/tiny.yaml tests/e2e/kind.yaml >build/kind.yaml"
  step make pipeline-run TARGET=kfp KFP_HOST="http://$pipelines:8888" NAMESPACE=kubeflow EXPERIMENT=kind OUT=s3://mlpipeline/adore PROFILE=build/kind.yaml
}

down() {
  step kind delete cluster --name "$NAME"
}

case $verb in
  up) up ;;
  test) run_tests ;;
  down) down ;;
  *)
    sed -n '2,6p' "$0"
    exit 2
    ;;
esac
