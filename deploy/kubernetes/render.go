// SPDX-License-Identifier: GPL-2.0-or-later

// Renders the Helm chart beside it as "helm template" does, with the same template engine and function library (Debian
// packages golang-go, golang-github-masterminds-sprig-dev and golang-k8s-sigs-yaml-dev). What no template of the chart
// uses is not here: lookup, subcharts, hooks.
//
//	render CHART RELEASE NAMESPACE [VALUES]...
//
// prints each template that gives anything behind a line "# Source: templates/NAME". VALUES are files of YAML.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type values = map[string]interface{}

// Paths within the chart and what is in the files there.
type files map[string][]byte

func (f files) Get(name string) string {
	return string(f[name])
}

func (f files) Glob(pattern string) files {
	found := files{}
	for name, content := range f {
		if ok, _ := path.Match(pattern, name); ok {
			found[name] = content
		}
	}
	return found
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Follows symbolic links to directories, as Helm does.
func read(root, below string, into files) {
	entries, err := os.ReadDir(filepath.Join(root, below))
	check(err)
	for _, entry := range entries {
		name := path.Join(below, entry.Name())
		info, err := os.Stat(filepath.Join(root, name))
		check(err)
		if info.IsDir() {
			read(root, name, into)
			continue
		}
		into[name], err = os.ReadFile(filepath.Join(root, name))
		check(err)
	}
}

func parse(text []byte) values {
	parsed := values{}
	check(yaml.Unmarshal(text, &parsed))
	return parsed
}

// A map is merged, null takes away, anything else replaces.
func merge(base, over values) {
	for key, value := range over {
		inner, isMap := value.(values)
		old, wasMap := base[key].(values)
		switch {
		case value == nil:
			delete(base, key)
		case isMap && wasMap:
			merge(old, inner)
		default:
			base[key] = value
		}
	}
}

func execute(tree *template.Template, name string, data interface{}) (string, error) {
	var out bytes.Buffer
	err := tree.ExecuteTemplate(&out, name, data)
	return strings.ReplaceAll(out.String(), "<no value>", ""), err
}

// The functions that Helm adds to those of sprig.
func functions(tree *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	all["include"] = func(name string, data interface{}) (string, error) {
		return execute(tree, name, data)
	}
	all["tpl"] = func(text string, data interface{}) (string, error) {
		clone, err := tree.Clone()
		if err != nil {
			return "", err
		}
		if _, err = clone.New("tpl").Parse(text); err != nil {
			return "", err
		}
		return execute(clone, "tpl", data)
	}
	all["toYaml"] = func(value interface{}) string {
		text, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	all["fromYaml"] = func(text string) values {
		return parse([]byte(text))
	}
	all["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	return all
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: render CHART RELEASE NAMESPACE [VALUES]...")
		os.Exit(1)
	}
	chart := files{}
	read(os.Args[1], "", chart)
	about := parse(chart["Chart.yaml"])
	set := parse(chart["values.yaml"])
	for _, name := range os.Args[4:] {
		text, err := os.ReadFile(name)
		check(err)
		merge(set, parse(text))
	}
	data := values{
		"Values":  set,
		"Release": values{"Name": os.Args[2], "Namespace": os.Args[3], "Service": "Helm"},
		"Chart":   values{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Files":   chart,
	}

	tree := template.New("chart").Option("missingkey=zero")
	tree.Funcs(functions(tree))
	names := []string{}
	for name, text := range chart {
		if !strings.HasPrefix(name, "templates/") {
			continue
		}
		_, err := tree.New(name).Parse(string(text))
		check(err)
		if base := path.Base(name); !strings.HasPrefix(base, "_") && base != "NOTES.txt" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		text, err := execute(tree, name, data)
		check(err)
		if strings.TrimSpace(text) != "" {
			fmt.Printf("---\n# Source: %s\n%s\n", name, strings.TrimSpace(text))
		}
	}
	_, err := execute(tree, "templates/NOTES.txt", data)
	check(err)
}
