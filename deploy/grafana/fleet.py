# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard of all hosts, from the recording rules of deploy/prometheus/rules/conntrack.rules.yml."""

import host
from model import ANY, BLUE, GREEN, ORANGE, RED, YELLOW, Panel, Row, above, choice, dashboard

USAGE = "instance:conntrack_entries:ratio"
TIME_TO_FULL = "instance:conntrack_entries:seconds_to_limit"
DROPS = "instance:conntrack_table_full_drops:rate5m"
EVICTIONS = "instance:conntrack_stat_early_drop:rate5m"
ESTABLISHED = "instance:conntrack_tcp_sockets_established:sum"
UNTRACKED = "instance:conntrack_established_sockets_untracked_remote:ratio"
DEAD_WEIGHT = "instance:conntrack_established_flows_absent:ratio"
PORTS = "instance:conntrack_ephemeral_ports_in_use_max:ratio"

TO_HOST = {"host": ("Open the host", f"/d/{host.UID}?var-datasource=${{datasource}}&var-job=${{__data.fields.job}}"
                    "&var-instance=${__value.text}&${__url_time_range}")}
USAGE_STEPS = above(host.USAGE_WARNING, host.USAGE_CRITICAL)
FORECAST = host.where_it_tells(TIME_TO_FULL, USAGE)
ANY_IS_RED = [(None, GREEN), (ANY, RED)]
SOON_STEPS = [(None, ORANGE), (host.SOON_S, GREEN)]


def fullest(expression):
    """Of the hosts that the table shows."""
    return f"max by (job, instance) ({expression}) and on (job, instance) topk($top, {USAGE})"


def number_of(condition, known=USAGE):
    """How many hosts it holds for; 0 where it holds for none, nothing where it is not known of any."""
    return f"count({condition}) or 0 * count({known})"


def ranked(expression):
    """A table of one number: host, job and the number."""
    return {"": f"topk($top, max by (job, instance) ({expression}))"}


NOW = Row("The fleet now", [
    Panel("stat", "Hosts",
          "That were scraped and whose table has a limit. Fewer than you have: look at those that are down.",
          {"hosts": f"count({USAGE})"}, "short", 4, 4, empty="unknown"),
    Panel("stat", "Hosts down",
          "Exporters that do not answer, in jobs called as the alert ConntrackExporterDown has them; one that is "
          "scraped in tiers counts once. Nothing is known about their tables; a full one takes no new connection, not "
          "even for a scrape. On a federation server: of those whose up is federated. Unknown: no such job is here.",
          {"down": f"sum(min by (job, instance) ({host.UP}) == bool 0)"}, "short", 4, 4,
          steps=[(None, GREEN), (1, RED)], empty="unknown"),
    Panel("stat", "Above 75 %", "Hosts where the warning of the alert ConntrackTableFilling begins.",
          {"hosts": number_of(f"{USAGE} > {host.USAGE_WARNING}")}, "short", 4, 4,
          steps=[(None, GREEN), (1, ORANGE)], empty="unknown"),
    Panel("stat", "Above 90 %", "Hosts where it becomes critical.",
          {"hosts": number_of(f"{USAGE} > {host.USAGE_CRITICAL}")}, "short", 4, 4,
          steps=[(None, GREEN), (1, RED)], empty="unknown"),
    Panel("stat", "Dropping new flows", "Hosts whose table was full within the last five minutes. Their clients fail.",
          {"hosts": number_of(f"{DROPS} > 0", DROPS)}, "short", 4, 4, steps=[(None, GREEN), (1, RED)],
          empty="unknown"),
    Panel("stat", "Full within an hour",
          "Hosts whose table is full within an hour at the growth of the last 10 minutes. As the alert "
          "ConntrackTableFullSoon: of those between 25 % and 95 %.",
          {"hosts": number_of(f"{FORECAST} < {host.SOON_S}")}, "short", 4, 4,
          steps=[(None, GREEN), (1, ORANGE)], empty="unknown"),
])

RANKED = Row("Hosts, worst first", [
    Panel("table", "Fullest tables",
          "The hosts nearest to their limit. Click on one for its own dashboard. Nothing under time until full: it "
          "does not grow, or is not between 25 % and 95 %.",
          {"usage": fullest(USAGE), "entries": fullest("conntrack_entries"),
           "limit": fullest("conntrack_entries_limit"), "until full": fullest(FORECAST),
           "drops": fullest(DROPS), "evictions": fullest(EVICTIONS),
           "sockets": fullest(ESTABLISHED),
           "untracked": fullest(UNTRACKED), "dead weight": fullest(DEAD_WEIGHT), "ports": fullest(PORTS)},
          "short", 24, 11,
          columns={"instance": "host", "job": "job", "Value #A": "usage", "Value #B": "entries", "Value #C": "limit",
                   "Value #D": "time until full", "Value #E": "new flows dropped", "Value #F": "evictions",
                   "Value #G": "ESTABLISHED sockets", "Value #H": "untracked sockets", "Value #I": "dead weight",
                   "Value #J": "ephemeral ports"},
          units={"usage": "percentunit", "time until full": "s", "new flows dropped": "pps", "evictions": "cps",
                 "untracked sockets": "percentunit", "dead weight": "percentunit", "ephemeral ports": "percentunit"},
          column_steps={"usage": USAGE_STEPS, "time until full": SOON_STEPS, "new flows dropped": ANY_IS_RED,
                        "evictions": above(ANY), "untracked sockets": above(host.UNTRACKED_SHARE),
                        "dead weight": above(host.DEAD_SHARE),
                        "ephemeral ports": above(host.LIMIT_SHARE_WARNING, host.LIMIT_SHARE_CRITICAL)},
          link=TO_HOST, sort="usage"),
    Panel("table", "Dropping new flows",
          "Packets a second refused because the table was full. Each host here has clients that cannot connect, "
          "whatever its ESTABLISHED sockets look like.",
          ranked(f"{DROPS} > 0"), "pps", 12, 8,
          columns={"instance": "host", "job": "job", "Value": "dropped"}, column_steps={"dropped": ANY_IS_RED},
          link=TO_HOST, sort="dropped", empty="no host drops new flows"),
    Panel("table", "Full soonest",
          "At the growth of the last 10 minutes. Hosts that do not grow, or are not between 25 % and 95 %, are not "
          "here.",
          {"": f"bottomk($top, max by (job, instance) ({FORECAST}))"}, "s", 12, 8,
          columns={"instance": "host", "job": "job", "Value": "time until full"},
          column_steps={"time until full": SOON_STEPS}, link=TO_HOST, sort="time until full+",
          empty="no forecast"),
    Panel("table", "Most dead weight",
          "Share of the ESTABLISHED flows that no socket owns any more. A shorter nf_conntrack_tcp_timeout_established "
          "frees their places.",
          ranked(DEAD_WEIGHT), "percentunit", 8, 8, columns={"instance": "host", "job": "job", "Value": "dead weight"},
          column_steps={"dead weight": above(host.DEAD_SHARE)}, link=TO_HOST, sort="dead weight"),
    Panel("table", "Most untracked sockets",
          "Share of the ESTABLISHED sockets to other hosts that the table does not hold. All of them on one host: it "
          "is exempt by notrack, or its rules are gone.",
          ranked(UNTRACKED), "percentunit", 8, 8, columns={"instance": "host", "job": "job", "Value": "untracked"},
          column_steps={"untracked": above(host.UNTRACKED_SHARE)}, link=TO_HOST, sort="untracked"),
    Panel("table", "Fewest ephemeral ports left",
          "Share of the local ports in use towards one address and port. Looks like a full table to programs, and is "
          "none.",
          ranked(PORTS), "percentunit", 8, 8, columns={"instance": "host", "job": "job", "Value": "in use"},
          column_steps={"in use": above(host.LIMIT_SHARE_WARNING, host.LIMIT_SHARE_CRITICAL)}, link=TO_HOST,
          sort="in use"),
])

HISTORY = Row("The fleet over time", [
    Panel("stack", "Hosts by usage",
          "How many tables are how full. When the upper bands grow together, it is the load; a single host that climbs "
          "is its own trouble.",
          {"below 50 %": number_of(f"{USAGE} < 0.5"),
           "50 % to 75 %": number_of(f"({USAGE} >= 0.5) <= {host.USAGE_WARNING}"),
           "75 % to 90 %": number_of(f"({USAGE} > {host.USAGE_WARNING}) <= {host.USAGE_CRITICAL}"),
           "above 90 %": number_of(f"{USAGE} > {host.USAGE_CRITICAL}")}, "short", 12, 8,
          colors={"below 50 %": GREEN, "50 % to 75 %": BLUE, "75 % to 90 %": ORANGE, "above 90 %": RED}),
    Panel("lines", "Usage of the fullest hosts", "The lines are where the alert ConntrackTableFilling begins.",
          {"{{instance}}": f"topk($top, {USAGE})"}, "percentunit", 12, 8, steps=USAGE_STEPS, maximum=1),
    Panel("lines", "New flows dropped by host", "Any line above 0 is a host whose table was full then.",
          {"{{instance}}": f"topk($top, {DROPS})"}, "pps", 12, 8),
    Panel("lines", "ESTABLISHED sockets and entries of all hosts",
          "Entries that grow while the sockets stay level are not served by anybody: dead weight, floods or forwarded "
          "flows.",
          {"ESTABLISHED sockets": f"sum({ESTABLISHED})", "entries": "sum(conntrack_entries)"}, "short", 12, 8,
          colors={"ESTABLISHED sockets": BLUE, "entries": YELLOW}),
])

DASHBOARD = dashboard(
    "conntrack-fleet", "Conntrack / Fleet",
    "All hosts, ranked by how full their conntrack tables are, what they drop and when they will be full. Needs the "
    "recording rules of deploy/prometheus/rules/conntrack.rules.yml. On a federation server it shows what is "
    "federated.",
    [NOW, RANKED, HISTORY], [choice("top", "Hosts", ["20", "50", "100", "10"])], refresh="1m", starts=False,
    hosts=USAGE)
