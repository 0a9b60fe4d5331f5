{{/*
What gateways and controller have in common. Objects have fixed names, for policies name them: a namespace holds one
release.
*/}}

{{- define "crossfade.gateway-labels" -}}
{app.kubernetes.io/name: crossfade, crossfade: gateway}
{{- end }}

{{- define "crossfade.controller-labels" -}}
{app.kubernetes.io/name: crossfade, crossfade: controller}
{{- end }}

{{- define "crossfade.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
{{- end }}

{{- define "crossfade.pull-secrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "crossfade.token" -}}
- name: CROSSFADE_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ .Values.tokenSecret | quote }}, key: token}
{{- end }}

{{- define "crossfade.probes" -}}
startupProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 1
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 10
  failureThreshold: 3
{{- end }}

{{- define "crossfade.security-context" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The policy's text, once it fits the chart's other values. What else is wrong with it, `crossfade check` tells. */}}
{{- define "crossfade.policy" -}}
{{- $policy := fromYaml .Values.policy }}
{{- with $policy.Error }}{{ fail (printf "policy: it is no YAML: %s" .) }}{{ end }}
{{- if and .Values.controller.enabled (not $policy.fleet) }}
{{- fail "policy: it has no key `fleet`, which controller.enabled needs; see deploy/kustomize/overlays/fleet/policy.yaml" }}
{{- end }}
{{- if and $policy.fleet (not .Values.controller.enabled) }}
{{- fail "policy: with the key `fleet` gateways wait for a controller; set controller.enabled, or take the key out" }}
{{- end }}
{{- .Values.policy }}
{{- end }}
