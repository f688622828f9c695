# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns the rows of host.py and fleet.py into dashboards of Grafana's Classic JSON model."""

import dataclasses
import re
import string

DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
COLUMNS = 24
GREEN, BLUE, YELLOW, ORANGE, RED, PURPLE, GREY = "green", "blue", "yellow", "orange", "red", "purple", "#8e8e8e"

# What stands in expressions without braces or range gets them: job and instance of the dashboard, and counters the
# range that Grafana derives from the scrape interval.
SELECTOR = 'job=~"$job", instance=~"$instance"'
METRIC = re.compile(r"\b((?:\w+:)?(?:conntrack|process|scrape)_\w+(?::\w+)?|ALERTS|up)\b(?:\{([^}]*)\})?")


def select(expression):
    """The expression with job and instance in each selector, and a range behind each counter."""
    def selected(found):
        name, labels = found.groups()
        return (f"{name}{{{', '.join(filter(None, [SELECTOR, labels]))}}}" +
                ("[$__rate_interval]" if name.endswith("_total") else ""))
    return METRIC.sub(selected, " ".join(expression.split()))


def above(warning, critical=None):
    """Green, orange from warning on, red from critical on."""
    return [(None, GREEN), (warning, ORANGE), *([(critical, RED)] if critical is not None else [])]


# Any packet, however seldom: the lowest rate that is worth a colour.
ANY = 0.0001


@dataclasses.dataclass
class Panel:
    """A panel. queries: {legend: expression}; legends may name labels as {{label}}."""
    kind: str  # lines, stack, stat, gauge, table
    title: str
    description: str
    queries: dict
    unit: str = "short"
    width: int = 8
    height: int = 7
    steps: list = None  # [(from this value on or None, colour)]
    texts: dict = None  # {value: (text, colour)} to show instead of the value
    colors: dict = None  # {name of a series: colour}
    axes: dict = None  # {name of a series: (unit, "line" or "bars")} of series with an axis of their own
    minimum: float = 0
    maximum: float = None
    empty: str = None  # what stands there instead of "No data"
    columns: dict = None  # of a table, {what a column is called by the data: how it is shown}, in this order
    units: dict = None  # of a table, {column: unit}
    column_steps: dict = None  # of a table, {column: steps}
    link: dict = None  # of a table, {column: (title, URL)}
    sort: str = None  # of a table, the column that it begins sorted by, largest first unless it ends in "+"


@dataclasses.dataclass
class Row:
    """A heading and what stands below it, from left to right and top to bottom."""
    title: str
    panels: list
    collapsed: bool = False


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def mappings(texts):
    return [{"type": "value", "options": {str(value): {"text": text, "color": color, "index": index}
                                          for index, (value, (text, color)) in enumerate(texts.items())}}]


def targets(panel):
    instant = panel.kind in ("gauge", "table") or bool(panel.texts)
    for letter, (legend, expression) in zip(string.ascii_uppercase, panel.queries.items()):
        target = {"datasource": DATASOURCE, "editorMode": "code", "expr": select(expression), "instant": instant,
                  "legendFormat": legend, "range": not instant, "refId": letter}
        yield {**target, "format": "table"} if panel.kind == "table" else target


def lines_look(panel):
    """How time series are drawn."""
    stack = panel.kind == "stack"
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 40 if stack else 8, "showPoints": "never",
              "spanNulls": False, "axisBorderShow": False,
              "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"}}
    options = {"legend": {"displayMode": "table" if len(panel.queries) == 1 and panel.width >= 8 else "list",
                          "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return {"color": {"mode": "palette-classic-by-name"}, "custom": custom}, options


def stat_look(panel):
    options = {"graphMode": "none" if panel.texts else "area", "justifyMode": "auto", "wideLayout": True,
               "colorMode": "background" if panel.texts else "value", "showPercentChange": False,
               "percentChangeColorMode": "standard", "orientation": "auto",
               "textMode": "value_and_name" if len(panel.queries) > 1 else "auto",
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return {"color": {"mode": "thresholds"}}, options


def gauge_look(_panel):
    options = {"showThresholdLabels": True, "showThresholdMarkers": True, "sizing": "auto", "minVizWidth": 75,
               "minVizHeight": 75, "orientation": "auto",
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return {"color": {"mode": "thresholds"}}, options


def table_look(panel):
    options = {"frameIndex": 0, "showHeader": True, "cellHeight": "sm"}
    if panel.sort:
        options["sortBy"] = [{"displayName": panel.sort.rstrip("+"), "desc": not panel.sort.endswith("+")}]
    return {"color": {"mode": "thresholds"}, "custom": {"align": "auto", "inspect": False}}, options


LOOKS = {"lines": ("timeseries", lines_look), "stack": ("timeseries", lines_look), "stat": ("stat", stat_look),
         "gauge": ("gauge", gauge_look), "table": ("table", table_look)}


def axis_look(name, unit, style):
    """Of a series with an axis of its own, on the right."""
    look = {"unit": unit, "custom.axisPlacement": "right", "custom.axisLabel": name}
    if style == "bars":
        look.update({"custom.drawStyle": "bars", "custom.fillOpacity": 80})
    if unit == "percentunit":
        look.update({"max": 1, "custom.lineWidth": 2})
    return look


def overrides(panel):
    """What single series and columns look like, in the order they are named in."""
    looks = {}

    def add(name, look):
        looks.setdefault(name, {}).update(look)

    for name, color in (panel.colors or {}).items():
        add(name, {"color": {"mode": "fixed", "fixedColor": color}})
    for name, (unit, style) in (panel.axes or {}).items():
        add(name, axis_look(name, unit, style))
    for name, unit in (panel.units or {}).items():
        add(name, {"unit": unit})
    for name, steps in (panel.column_steps or {}).items():
        add(name, {"thresholds": thresholds(steps), "custom.cellOptions": {"type": "color-text"}})
    for name, (title, url) in (panel.link or {}).items():
        add(name, {"links": [{"title": title, "url": url, "targetBlank": False}]})
    return [{"matcher": {"id": "byName", "options": name},
             "properties": [{"id": key, "value": value} for key, value in look.items()]}
            for name, look in looks.items()]


def transformations(panel):
    """All queries of a table in one, its columns named and in order, those that are not named left out."""
    names = list(panel.columns)
    return [{"id": "merge", "options": {}},
            {"id": "filterFieldsByName", "options": {"include": {"names": names}}},
            {"id": "organize", "options": {"excludeByName": {}, "includeByName": {}, "renameByName": panel.columns,
                                           "indexByName": {name: index for index, name in enumerate(names)}}}]


def render_panel(panel, number, place):
    kind, look = LOOKS[panel.kind]
    defaults, options = look(panel)
    defaults.update(unit=panel.unit, thresholds=thresholds(panel.steps or [(None, GREEN)]),
                    mappings=mappings(panel.texts) if panel.texts else [])
    minimum = panel.minimum if panel.kind in ("lines", "stack", "gauge") else None
    for key, value in (("min", minimum), ("max", panel.maximum), ("noValue", panel.empty)):
        if value is not None:
            defaults[key] = value
    rendered = {"id": number, "type": kind, "title": panel.title, "description": panel.description,
                "datasource": DATASOURCE, "gridPos": place, "targets": list(targets(panel)),
                "fieldConfig": {"defaults": defaults, "overrides": overrides(panel)}, "options": options}
    if panel.kind == "table":
        rendered["transformations"] = transformations(panel)
    return rendered


def place_panels(panels, top):
    """[(panel, gridPos)]: side by side until the next one does not fit, then below."""
    x, y, line = 0, top, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, line = 0, y + line, 0
        yield panel, {"h": panel.height, "w": panel.width, "x": x, "y": y}
        x, line = x + panel.width, max(line, panel.height)


def render_rows(rows):
    """Panels of a dashboard; those of a collapsed row stand inside it and take no place of their own."""
    number, y, rendered = 0, 0, []
    for row in rows:
        inside = []
        heading = number = number + 1
        for panel, place in place_panels(row.panels, y + 1):
            number += 1
            inside.append(render_panel(panel, number, place))
        rendered.append({"id": heading, "type": "row", "title": row.title, "collapsed": row.collapsed,
                         "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y}, "panels": inside if row.collapsed else []})
        y += 1
        if not row.collapsed:
            rendered += inside
            y = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in inside)
    return rendered


def variable(name, query):
    return {"type": "query", "name": name, "label": name.capitalize(), "datasource": DATASOURCE,
            "query": query, "definition": query, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".+", "regex": "", "hide": 0, "options": [],
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}


def choice(name, label, values):
    """A variable with a few values, the first of them chosen."""
    options = [{"selected": index == 0, "text": value, "value": value} for index, value in enumerate(values)]
    return {"type": "custom", "name": name, "label": label, "query": ",".join(values), "multi": False,
            "includeAll": False, "hide": 0, "options": options, "current": options[0]}


DATASOURCE_VARIABLE = {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus",
                       "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1,
                       "regex": ""}


def annotation(name, color, expression, title, text, enable=True):
    return {"name": name, "datasource": DATASOURCE, "enable": enable, "hide": False, "iconColor": color,
            "expr": select(expression), "step": "60s", "titleFormat": title, "textFormat": text,
            "tagKeys": "instance"}


BUILT_IN = {"builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "enable": True, "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)", "datasource": {"type": "grafana", "uid": "-- Grafana --"}}


def dashboard(uid, title, description, rows, variables=(), refresh="30s", starts=True, hosts="conntrack_entries"):
    """A whole dashboard, ready for json.dumps().

    starts: whether it marks starts of exporters before one asks. hosts: the metric whose job and instance one chooses from.
    """
    return {
        "id": None, "uid": uid, "title": title, "description": description, "tags": ["conntrack"], "version": 1,
        "schemaVersion": 39, "editable": False, "graphTooltip": 1, "timezone": "browser", "refresh": refresh,
        "time": {"from": "now-1h", "to": "now"}, "timepicker": {}, "fiscalYearStartMonth": 0, "liveNow": False,
        "weekStart": "",
        "annotations": {"list": [
            BUILT_IN,
            annotation("Exporter started", BLUE,
                       "time() - process_start_time_seconds < 120 and on (job, instance) conntrack_exporter_build_info",
                       "Exporter started", "{{instance}}: restarted, or the host was rebooted.", starts),
            annotation("Firing alerts", RED, 'ALERTS{alertname=~"Conntrack.+", alertstate="firing"}',
                       "{{alertname}}", "{{severity}} on {{instance}}")]},
        "links": [{"type": "dashboards", "title": "conntrack", "icon": "external link", "tags": ["conntrack"],
                   "tooltip": "The other dashboards about conntrack", "asDropdown": False, "includeVars": True,
                   "keepTime": True, "targetBlank": False, "url": ""}],
        "templating": {"list": [
            DATASOURCE_VARIABLE, variable("job", f"label_values({hosts}, job)"),
            variable("instance", f'label_values({hosts}{{job=~"$job"}}, instance)'), *variables]},
        "panels": render_rows(rows),
    }
