{{/* SPDX-License-Identifier: GPL-2.0-or-later */}}

{{- define "conntrack-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "conntrack-exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $joined := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $joined .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "conntrack-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "conntrack-exporter.serviceAccountName" -}}
{{- default (.Values.serviceAccount.create | ternary (include "conntrack-exporter.fullname" .) "default") .Values.serviceAccount.name }}
{{- end }}

{{- define "conntrack-exporter.image" -}}
{{- $name := trimPrefix "/" (printf "%s/%s" .Values.image.registry .Values.image.repository) }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default (printf "v%s" .Chart.AppVersion) .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "conntrack-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "conntrack-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "conntrack-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "conntrack-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: metrics
app.kubernetes.io/part-of: {{ include "conntrack-exporter.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a PodMonitor and a ServiceMonitor have in common: the chart, the values of the one, the name of the list of endpoints. */}}
{{- define "conntrack-exporter.monitor" -}}
{{- $all := index . 0 }}
{{- $monitor := index . 1 -}}
metadata:
  name: {{ include "conntrack-exporter.fullname" $all }}
  namespace: {{ default (include "conntrack-exporter.namespace" $all) $monitor.namespace }}
  labels:
    {{- include "conntrack-exporter.labels" $all | nindent 4 }}
    {{- with $monitor.additionalLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  jobLabel: {{ $monitor.jobLabel }}
  selector:
    matchLabels:
      {{- include "conntrack-exporter.selectorLabels" $all | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ include "conntrack-exporter.namespace" $all }}]
  {{- with $monitor.attachMetadata }}
  attachMetadata:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $monitor.sampleLimit }}
  sampleLimit: {{ . | int64 }}
  {{- end }}
  {{- with $monitor.labelLimit }}
  labelLimit: {{ . | int64 }}
  {{- end }}
  {{ index . 2 }}:
    - port: {{ $all.Values.service.portName }}
      {{- with $monitor.endpoint }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
