{{/* Labels of every object, below those that it has anyway. */}}
{{- define "sb-operator.labels" -}}
app.kubernetes.io/part-of: sb-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels by which the operator's Pods are known: they and those of config/default are one. */}}
{{- define "sb-operator.selector" -}}
app.kubernetes.io/name: sb-operator
{{- end }}

{{/* Lines of YAML, and none for nothing. */}}
{{- define "sb-operator.yaml" -}}
{{- with . }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* One image for operator and courier. */}}
{{- define "sb-operator.image" -}}
{{- with .Values.image }}
{{- $name := .repository }}
{{- with .registry }}{{ $name = printf "%s/%s" . $name }}{{ end }}
{{- if .digest }}{{ printf "%s@%s" $name .digest }}{{ else }}{{ printf "%s:%s" $name .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "sb-operator.pullPolicy" -}}
{{- with .Values.image.pullPolicy }}imagePullPolicy: {{ . }}{{ end }}
{{- end }}

{{/* What a Pod of the operator has beside what it always has. */}}
{{- define "sb-operator.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range . }}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "sb-operator.selector" $ | fromYaml)) }}
  - {{- toYaml (merge (dict) . $own) | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sb-operator.keep" -}}
{{- ternary (dict "helm.sh/resource-policy" "keep") dict .Values.crds.keep | toYaml }}
{{- end }}

{{- define "sb-operator.aggregate" -}}
{{- if .root.Values.rbac.aggregate }}rbac.authorization.k8s.io/aggregate-to-{{ .to }}: "true"{{ end }}
{{- end }}

{{- define "sb-operator.region" -}}
{{- .Values.s3.region | default (ternary "us-east-1" "" (eq .Values.profile "local")) }}
{{- end }}

{{- define "sb-operator.pairs" -}}
{{- $pairs := list }}
{{- range $from, $to := . }}{{ $pairs = append $pairs (printf "%s=%s" $from $to) }}{{ end }}
{{- join "," $pairs }}
{{- end }}

{{/* What clients must know, by the rules of clientConfigOf in src/installation/values.ts. */}}
{{- define "sb-operator.client" -}}
profile: {{ .Values.profile | quote }}
bucket: {{ .Values.s3.bucket | quote }}
region: {{ include "sb-operator.region" . | default .Values.aws.region | quote }}
operatorVersion: {{ .Chart.AppVersion | quote }}
{{- with .Values.s3.publicEndpoint }}
endpoint: {{ . | quote }}
{{- end }}
{{- with .Values.s3.kmsKeyId }}
kmsKeyId: {{ . | quote }}
{{- end }}
{{- with .Values.trials.verifierMode }}
verifierMode: {{ . | quote }}
{{- end }}
{{- with .Values.broker.url }}
brokerUrl: {{ . | quote }}
{{- end }}
{{- if ne .Values.s3.existingSecret "sb-s3" }}
storeSecret: {{ .Values.s3.existingSecret | quote }}
{{- end }}
{{- end }}
