/** One object of every kind of this issue, without what a test does not look at. */
export const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: local/web:1
        ports: [{containerPort: 80, name: http}]
        resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
        readinessProbe: {httpGet: {path: /, port: http}}
`;

export const POD = `
apiVersion: v1
kind: Pod
metadata: {name: solo, labels: {app: solo}}
spec:
  containers:
  - {name: main, image: local/web:1}
`;

export const SERVICE = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
`;

export const OTHERS = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
data: {user: bWU=}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: leader}
spec: {holderIdentity: me, leaseDurationSeconds: 15}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.42.0.9]}]
ports: [{name: http, port: 80, protocol: TCP}]
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: frozen}
spec:
  replicas: 0
  selector: {matchLabels: {app: frozen}}
  template:
    metadata: {labels: {app: frozen}}
    spec: {containers: [{name: main, image: local/web:1}]}
`;

export function eventOf(namespace: string, podUid: string): string {
  return `
apiVersion: v1
kind: Event
metadata: {name: e1}
involvedObject: {kind: Pod, name: solo, namespace: ${namespace}, apiVersion: v1, uid: ${podUid}}
reason: Tested
message: it works
type: Normal
count: 1
source: {component: test}
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
`;
}
