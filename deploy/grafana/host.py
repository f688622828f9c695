# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard of one host. A panel is one entry below; model.py says what may stand in it.

Expressions name metrics without braces: job and instance are put in. Nothing here needs recording rules.
Of several chosen hosts counts and rates are added up, of shares and times that of the worst one is shown.
"""

from model import ANY, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW, Panel, Row, above, dashboard

UID = "conntrack-host"

# From where on the alerts of deploy/prometheus/rules fire; the reasons stand there.
USAGE_CROWDED, USAGE_WARNING, USAGE_CRITICAL, USAGE_FULL = 0.25, 0.75, 0.9, 0.95
SOON_S = 3600
RACES_PER_S = 0.1
FLOWS_NOTABLE = 1000
DEAD_SHARE = 0.1
UNREPLIED_SHARE = 0.3
UNTRACKED_SHARE = 0.5
LIMIT_SHARE_WARNING, LIMIT_SHARE_CRITICAL = 0.75, 0.95
ENTRIES_PER_BUCKET_MAX = 8

USAGE = "conntrack_entries / (conntrack_entries_limit > 0)"
TIME_TO_FULL = "clamp_min((conntrack_entries_limit > 0) - conntrack_entries, 0) / (deriv(conntrack_entries[10m]) > 0)"


def where_it_tells(time_to_full, usage):
    """The time until full of the hosts that the alert ConntrackTableFullSoon looks at."""
    return f"({time_to_full} and {usage} > {USAGE_CROWDED} and {usage} < {USAGE_FULL})"


# Other programs have metrics of these names, too: with all jobs chosen, those of the exporter alone.
OWN = "and on (job, instance) conntrack_exporter_build_info"
# Of what is down nothing else is known. The jobs of the alert ConntrackExporterDown.
UP = 'up{job=~"conntrack|(prometheus-)?conntrack[-_]exporter"}'
ESTABLISHED = 'conntrack_tcp_sockets{state="established"}'


def per_second(counter):
    """The rate of a counter, of all CPUs together."""
    return f"sum without (cpu) (rate(conntrack_{counter}_total))"


# delta(), not rate(): rate() carries a counter that was near 0 less far to the edges of the window than another one,
# and what is left of their difference would look like drops. A reboot makes it negative for one window, which is cut.
RACES_IN_WINDOW = """(delta(conntrack_stat_insert_failed_total)
    - (delta(conntrack_stat_chaintoolong_total) or 0 * delta(conntrack_stat_insert_failed_total)))"""
RACES_OF_ALL_CPUS = f"sum without (cpu) ({RACES_IN_WINDOW})"
# Never fewer races than none: what tools insert into a chain that is too long moves chaintoolong alone.
DROPS_OF_ALL_CPUS = f"sum without (cpu) (delta(conntrack_stat_drop_total)) - clamp_min({RACES_OF_ALL_CPUS}, 0)"


def in_window_per_second(growth):
    return f"clamp_min(round({growth}, 0.000001), 0) / ($__rate_interval_ms / 1000)"


DROPS = in_window_per_second(DROPS_OF_ALL_CPUS)
RACES = in_window_per_second(RACES_OF_ALL_CPUS)
UNTRACKED = ('sum without (tracking, path) (conntrack_established_sockets{tracking="untracked", path="remote"}) / '
             '(sum without (tracking, path) (conntrack_established_sockets{path="remote"}) > 0)')
DEAD_WEIGHT = ('sum without (socket) (conntrack_established_flows{socket="absent"}) / '
               "(sum without (socket) (conntrack_established_flows) > 0)")
ABSENT = 'sum without (socket) (conntrack_established_flows{socket="absent"})'
HALF_OPEN = ('(sum without (protocol, reply) (conntrack_flows_by_reply{reply="unreplied"}) + '
             'sum without (family, state) (conntrack_tcp_flows{state="syn_recv"}))')
UNREPLIED = f"{HALF_OPEN} / (sum without (protocol, reply) (conntrack_flows_by_reply) > 0)"
PORTS = "conntrack_ephemeral_ports_in_use_max / (conntrack_ephemeral_ports > 0)"
PER_BUCKET = "(conntrack_entries_limit > conntrack_entries or conntrack_entries) / (conntrack_buckets > 0)"
NOTHING_TO_READ = ('conntrack_scrape_collector_success{collector=~"table|stat|flows|correlation|settings"} == 0 '
                   "and ignoring (collector) max without (family) (conntrack_tracking_active) == 0")
CROWDED = f"{USAGE} > bool {USAGE_CROWDED}"

# What a tile of the findings says: the expression's value.
OK, INFO, WARNING, CRITICAL = 0, 1, 2, 3
SEVERITIES = {OK: ("ok", GREEN), INFO: ("info", BLUE), WARNING: ("warning", ORANGE), CRITICAL: ("critical", RED)}


def tile(severity, *conditions):
    """The severity where all of the conditions, which are 0 or 1, hold on one of the hosts; else 0."""
    return f"{severity} * max({' * '.join(f'({condition})' for condition in conditions)})"


def tile_of_two(expression, warning, critical):
    return f"max({WARNING} * ({expression} > bool {warning}) + ({expression} > bool {critical}))"


# By the conditions of the alerts, without their patience.
FINDINGS = {
    "Table filling": tile_of_two(USAGE, USAGE_WARNING, USAGE_CRITICAL),
    "New flows dropped": f"max(({DROPS} > bool 0) * ({WARNING} + ({USAGE} >= bool {USAGE_FULL} or 0 * {DROPS})))",
    "Evictions": tile(WARNING, f"{per_second('stat_early_drop')} > bool 0"),
    "Insertion races": tile(WARNING, f"{RACES} > bool {RACES_PER_S}"),
    "Hash chains too long": tile(WARNING, f"{per_second('stat_chaintoolong')} > bool 0"),
    "Too few buckets": tile(INFO, f"{PER_BUCKET} > bool {ENTRIES_PER_BUCKET_MAX}"),
    "Unreplied flood": tile(WARNING, f"{UNREPLIED} > bool {UNREPLIED_SHARE}", f"{HALF_OPEN} > bool {FLOWS_NOTABLE}",
                            CROWDED),
    "Dead weight": tile(WARNING, f"{DEAD_WEIGHT} > bool {DEAD_SHARE}", f"{ABSENT} > bool {FLOWS_NOTABLE}", CROWDED),
    "Untracked sockets": tile(INFO, f"{UNTRACKED} > bool {UNTRACKED_SHARE}"),
    "Accept queue overflows": tile(WARNING, f"{per_second('tcp_listen_overflows')} > bool 0"),
    "Ephemeral ports": tile_of_two(PORTS, LIMIT_SHARE_WARNING, LIMIT_SHARE_CRITICAL),
    "Walk sampled": tile(INFO, "conntrack_walk_complete == bool 0"),
    "Collector failing": tile(WARNING, f"(conntrack_scrape_collector_success == bool 0) unless ({NOTHING_TO_READ})"),
}

VERDICT = Row("Verdict: is it conntrack?", [
    Panel("gauge", "Table usage",
          "Entries over nf_conntrack_max. At 100 % the kernel drops packets of new flows; those already there go on. "
          "Orange and red begin where the alert ConntrackTableFilling does. No value: there is no limit.",
          {"usage": f"max({USAGE})"}, "percentunit", 4, 6, steps=above(USAGE_WARNING, USAGE_CRITICAL), maximum=1),
    Panel("stat", "New flows dropped",
          "Packets a second that the kernel refused because the table was full: drop less the races, which are "
          "insert_failed - chaintoolong and at least 0. Anything but 0: new connections fail now, and it is conntrack. "
          "0 while clients fail: look for another cause, further below.",
          {"dropped": f"sum({DROPS})"}, "pps", 4, 6, steps=[(None, GREEN), (ANY, RED)]),
    Panel("stat", "Time until full",
          "At the growth of the last 10 minutes. Orange below an hour, where the alert ConntrackTableFullSoon begins. "
          "No forecast, as in the alert: it does not grow, or is at most 25 % full, where minutes say nothing about an "
          "hour, or at least 95 %, which is as good as full.",
          {"until full": f"min{where_it_tells(TIME_TO_FULL, USAGE)}"}, "s", 4, 6,
          steps=[(None, ORANGE), (SOON_S, GREEN)], empty="no forecast"),
    Panel("stat", "Untracked sockets to other hosts",
          "Share of the ESTABLISHED sockets to other hosts whose flow the table does not hold. Under notrack that is "
          "meant so. Else rules on ctstate ESTABLISHED do not match their next packet, and a NAT binding is lost.",
          {"untracked": f"max({UNTRACKED})"}, "percentunit", 4, 6, steps=above(UNTRACKED_SHARE), maximum=1,
          empty="no sockets"),
    Panel("stat", "Dead weight",
          "Share of the ESTABLISHED flows that should have a socket here and have none: a peer or a program vanished "
          "without a FIN. They hold their places until nf_conntrack_tcp_timeout_established; shorten it.",
          {"dead weight": f"max({DEAD_WEIGHT})"}, "percentunit", 4, 6, steps=above(DEAD_SHARE), maximum=1,
          empty="no flows"),
    Panel("stat", "Tracking",
          "Whether packets of this host pass through conntrack. Inactive: no rule asks for it, the table stays empty, "
          "and conntrack cannot be the cause. No value: it cannot be told.",
          {"{{family}}": "min by (family) (conntrack_tracking_active)"}, "none", 4, 6,
          texts={0: ("inactive", GREY), 1: ("active", GREEN)}, empty="unknown"),
    Panel("stat", "Findings",
          "What is wrong, by the conditions of the alerts, at once. `conntrack_exporter diagnose` says it in words, "
          "and what to type. Two tiles are not conntrack: accept queue overflows and ephemeral ports. What could not "
          "be read has no tile.", FINDINGS, "none", 24, 5, texts=SEVERITIES),
])

CORRELATION = Row("ESTABLISHED, seen from both sides", [
    Panel("lines", "ESTABLISHED sockets, table usage and drops",
          "The picture to look for: the sockets that ss shows as ESTABLISHED stay level while usage reaches 100 % and "
          "red bars of dropped packets rise. Then the table is full: what is connected stays so, and nobody new gets "
          "in. Sockets that fall without drops are another trouble.",
          {"ESTABLISHED sockets": f"sum({ESTABLISHED})",
           "ESTABLISHED flows": 'sum(conntrack_tcp_flows{state="established"})',
           "table usage": f"max({USAGE})", "dropped packets": f"sum({DROPS})"}, "short", 24, 11,
          colors={"ESTABLISHED sockets": BLUE, "ESTABLISHED flows": PURPLE, "table usage": ORANGE,
                  "dropped packets": RED},
          axes={"table usage": ("percentunit", "line"), "dropped packets": ("pps", "bars")}),
    Panel("stack", "ESTABLISHED sockets: does the table know them?",
          "Tracked: the table holds the flow as ESTABLISHED. Mismatched: in another state, which expires sooner. "
          "Untracked: not at all, by notrack or because it expired; when this rises while a timeout was shortened, "
          "the timeout is too short.",
          {"{{tracking}}": "sum by (tracking) (conntrack_established_sockets)"}, "short", 12, 8,
          colors={"tracked": BLUE, "mismatched": YELLOW, "untracked": ORANGE}),
    Panel("stack", "ESTABLISHED flows: does a socket own them?",
          "Present: an end is a socket here. Forwarded: between other hosts, or containers. Absent: should have a "
          "socket and has none; when this part grows, the table fills with connections that no longer exist.",
          {"{{socket}}": "sum by (socket) (conntrack_established_flows)"}, "short", 12, 8,
          colors={"present": BLUE, "absent": ORANGE, "forwarded": GREY}),
    Panel("lines", "Untracked and mismatched sockets by path",
          "Loopback is often exempt by notrack on purpose. Remote is the number that matters.",
          {"{{tracking}}, {{path}}":
           'sum by (tracking, path) (conntrack_established_sockets{tracking=~"untracked|mismatched"})'},
          "short", 12, 7),
    Panel("lines", "Untracked and dead weight as shares",
          "The two shares of the first row over time, with the lines where their alerts begin. A step at a reload of "
          "the firewall: flows from before it are not tracked yet.",
          {"untracked sockets to other hosts": f"max({UNTRACKED})", "dead weight": f"max({DEAD_WEIGHT})",
           "unreplied flows": f"max({UNREPLIED})"}, "percentunit", 12, 7, maximum=1),
])

FILLS = Row("What fills the table", [
    Panel("lines", "Entries and limit",
          "The two numbers the kernel compares. Entries that run along the limit: the table is full. A limit of 0 is "
          "no limit.",
          {"entries": "sum(conntrack_entries)", "limit": "sum(conntrack_entries_limit)",
           "listed by the last walk": "sum(conntrack_walk_flows)"}, "short", 8, 7, colors={"limit": RED}),
    Panel("lines", "Growth",
          "Entries a second, by least squares over 10 minutes. Steadily above 0: a leak, an attack or more load. It "
          "is what the time until full is made of.",
          {"entries a second": "sum(deriv(conntrack_entries[10m]))"}, "cps", 8, 7, minimum=None),
    Panel("lines", "Kernel memory of the entries",
          "What the entries take, and what a full table would. Whether raising nf_conntrack_max is affordable: mostly "
          "it is.",
          {"now": "sum(conntrack_entries * conntrack_entry_size_bytes)",
           "when full": "sum(conntrack_entries_limit * conntrack_entry_size_bytes)"}, "bytes", 8, 7),
    Panel("stack", "By TCP state",
          "Conntrack's states, not the sockets'. Mostly established: long-lived or dead connections, see dead weight. "
          "Mostly time_wait: many short connections, shorten that timeout. Mostly syn_sent: nobody answers, or a "
          "SYN flood.",
          {"{{state}}": "sum by (state) (conntrack_tcp_flows)"}, colors={"established": BLUE, "syn_sent": RED}),
    Panel("stack", "By protocol",
          "Mostly udp: look at DNS and its timeout. Mostly icmp: a scan or monitoring.",
          {"{{protocol}}": "sum by (protocol) (conntrack_flows)"}, colors={"tcp": BLUE}),
    Panel("stack", "By address family", "IPv4 and IPv6 share one table and one limit.",
          {"{{family}}": "sum by (family) (conntrack_flows)"}),
    Panel("stack", "By reply",
          "A full table may evict unreplied and replied flows to make room, assured ones never. All assured: it drops "
          "at once. Mostly unreplied: a flood, a scan, or answers that take another way.",
          {"{{reply}}": "sum by (reply) (conntrack_flows_by_reply)"},
          colors={"unreplied": ORANGE, "replied": YELLOW, "assured": BLUE}),
    Panel("stack", "By path",
          "Outbound: this host begins them. Inbound: others do. Loopback: could be exempt by notrack. Forwarded: it "
          "routes for others or for its containers.",
          {"{{path}}": "sum by (path) (conntrack_flows_by_path)"}),
    Panel("stack", "By address translation",
          "Flows that NAT applies to need their entry: when it is lost, the connection breaks. They cannot be exempt "
          "by notrack.",
          {"{{nat}}": "sum by (nat) (conntrack_flows_by_nat)"}, colors={"none": GREY}),
    Panel("lines", "Expiring within",
          "Cumulative: how many entries are gone by then if no more packets come. A low line for 10m below a full "
          "table: it does not free itself soon, act on it.",
          {"{{within}}": "sum by (within) (conntrack_flows_expiring)"}),
    Panel("lines", "Offloaded flows",
          "Carried past conntrack by a flowtable. They hold an entry that does not expire meanwhile.",
          {"{{to}}": "sum by (to) (conntrack_flows_offloaded)"}),
    Panel("lines", "Entries per bucket",
          "Entries the limit allows, and has, for each bucket of the hash table. Above 8: lookups get slow, and chains "
          "may get too long; raise nf_conntrack_buckets.",
          {"now, or at the limit": f"max({PER_BUCKET})", "now": "max(conntrack_entries / conntrack_buckets)"},
          steps=above(ENTRIES_PER_BUCKET_MAX)),
    Panel("table", "Heaviest sources",
          "Who began most flows. One address with a quarter of the table is worth a call. Needs --collector.talkers, "
          "which is off by default.",
          {"": 'topk(10, sum by (value) (conntrack_top_flows{by="source"}))'},
          columns={"value": "source", "Value": "flows"}, sort="flows", empty="start it with --collector.talkers"),
    Panel("table", "Heaviest destinations",
          "Where most flows go, as the initiator addresses them. Needs --collector.talkers.",
          {"": 'topk(10, sum by (value) (conntrack_top_flows{by="destination"}))'},
          columns={"value": "destination", "Value": "flows"}, sort="flows", empty="start it with --collector.talkers"),
    Panel("table", "Heaviest destination ports",
          "Which service most flows are for. Needs --collector.talkers.",
          {"": 'topk(10, sum by (value) (conntrack_top_flows{by="destination-port"}))'},
          columns={"value": "port", "Value": "flows"}, sort="flows", empty="start it with --collector.talkers"),
])


def counter(title, description, expression, unit="cps"):
    return Panel("lines", title, description, {"a second": expression}, unit, 6, 6)


def kernel_counter(name, meaning, description):
    return counter(f"{name}: {meaning}", description, f"sum(rate(conntrack_stat_{name}_total))")


KERNEL = Row("What the kernel counts", [
    counter("Table full: packets of new flows refused", "New flows dropped of the first row, over time: drop less the "
            "races. It should be 0; else the table is full and new connections fail.", f"sum({DROPS})", "pps"),
    kernel_counter("drop", "packets of new flows refused", "The only counter that a full table moves, one for each "
                   "packet. Lost races move it, too."),
    kernel_counter("early_drop", "entries evicted to make room", "Above 0: the table is full, and flows that are not "
                   "assured still make room for new ones. Drops come next."),
    kernel_counter("insert_failed", "new flows lost on insertion", "Races for one tuple and chains that were too long. "
                   "A full table does not move it."),
    counter("Insertion races", "insert_failed less chaintoolong: two packets wanted one place. Often parallel DNS "
            "queries from one socket. Not a full table.", f"sum({RACES})"),
    kernel_counter("chaintoolong", "hash chain too long", "Above 0: too few buckets for the entries, or somebody aims "
                   "at one. Raise nf_conntrack_buckets."),
    kernel_counter("clash_resolve", "races resolved without loss", "Harmless: two packets raced, and both got "
                   "through."),
    kernel_counter("invalid", "packets that fit no flow", "They pass untracked; rules on ctstate INVALID may drop "
                   "them. Rises with asymmetric routes and after evictions."),
    kernel_counter("error", "broken ICMP packets", "Malformed, or about a flow that is not known. A few are normal."),
    kernel_counter("found", "NAT met a port in use", "NAT tried the next port. Rising fast: few ports are left for one "
                   "destination. Not a hit rate."),
    kernel_counter("search_restart", "lookups begun again", "Contention, harmless. Rises while the hash table is "
                   "resized."),
    kernel_counter("insert", "entries made by tools", "conntrack -I, conntrackd and the like. Packets of new flows "
                   "never move it."),
])

SOCKETS = Row("Sockets", [
    Panel("stack", "TCP sockets by state",
          "What ss shows. Level while clients fail: look at the table above. Many syn_sent: the other side, or "
          "conntrack on the way out, drops SYNs. Many close_wait: a program of this host does not close.",
          {"{{state}}": "sum by (state) (conntrack_tcp_sockets)"}, colors={"established": BLUE, "syn_sent": RED}),
    Panel("stack", "TCP sockets by address family", "IPv4 connections of IPv6 sockets count as ipv6.",
          {"{{family}}": "sum by (family) (conntrack_tcp_sockets)"}),
    Panel("stack", "UDP sockets", "Each connected one has a flow in the table while it is in use, each unconnected one "
          "as many as it has peers.",
          {"{{state}}": "sum by (state) (conntrack_udp_sockets)"}),
    Panel("lines", "Connections begun and taken",
          "Active: by this host. Passive: by its clients, after a whole handshake. Passive at 0 while clients fail: "
          "their packets do not get here. Failed: refused, reset or timed out.",
          {"active": f"sum({per_second('tcp_active_opens')})", "passive": f"sum({per_second('tcp_passive_opens')})",
           "failed": f"sum({per_second('tcp_attempt_fails')})"}, "cps", 12, 7, colors={"failed": RED}),
    Panel("lines", "Listeners", "Full ones take no new connection although conntrack lets it pass.",
          {"listening": "sum(conntrack_tcp_listeners)", "of these full": "sum(conntrack_tcp_listeners_full)"},
          "short", 12, 7, colors={"of these full": RED}),
])

OTHER = Row("Other causes: why connections fail although conntrack is fine", [
    Panel("lines", "Accept queue overflows",
          "Handshakes that met a full accept queue. Above 0: a program accepts too slowly. It is not conntrack, which "
          "let them pass. Drops: for any reason, overflows included.",
          {"overflows": f"sum({per_second('tcp_listen_overflows')})",
           "listener drops": f"sum({per_second('tcp_listen_drops')})"}, "cps"),
    Panel("lines", "Fullest accept queue",
          "Length over limit of the worst listener. Above 100 % it refuses; a longer backlog helps against bursts "
          "only.",
          {"fullest": "max(conntrack_tcp_accept_queue_max_ratio)"}, "percentunit", steps=[(None, GREEN), (1, RED)]),
    Panel("lines", "SYN queue full",
          "Above 0: a listener has too many half-open handshakes, a flood or a backlog that is too short. Cookies: "
          "answered all the same. Dropped: lost.",
          {"dropped": f"sum({per_second('tcp_request_queue_full_drops')})",
           "answered with cookies": f"sum({per_second('tcp_request_queue_full_cookies')})"}, "cps",
          colors={"dropped": RED}),
    Panel("lines", "SYNs sent again",
          "No answer came. Rising with dropped packets above: conntrack lost them. Rising alone: the network or the "
          "other side did.",
          {"SYN and SYN-ACK retransmits": f"sum({per_second('tcp_syn_retransmits')})",
           "connections begun": f"sum({per_second('tcp_active_opens')})"}, "cps"),
    Panel("lines", "Ephemeral ports",
          "Share of the local ports in use towards the one remote address and port that has most. At 100 % connect() "
          "fails there with EADDRNOTAVAIL, which looks like a full table and is none.",
          {"in use": f"max({PORTS})"}, "percentunit", maximum=1,
          steps=above(LIMIT_SHARE_WARNING, LIMIT_SHARE_CRITICAL)),
    Panel("lines", "Ephemeral ports in use and there",
          "The numbers behind it. More: net.ipv4.ip_local_port_range, more source addresses, or fewer and longer "
          "connections.",
          {"in use towards one address and port": "max(conntrack_ephemeral_ports_in_use_max)",
           "in the range": "min(conntrack_ephemeral_ports)"}),
    Panel("lines", "Orphaned sockets of their limit",
          "At 100 % the kernel resets connections that no program holds any more. The limit exists in the host's "
          "network namespace only.",
          {"orphaned": "max(conntrack_tcp_sockets_orphaned / (conntrack_tcp_sockets_orphaned_limit > 0))"},
          "percentunit", maximum=1, steps=above(LIMIT_SHARE_WARNING, LIMIT_SHARE_CRITICAL)),
    Panel("lines", "TCP memory of its limit",
          "At 100 % the kernel refuses memory for socket buffers, and connections stall. The limit exists in the "
          "host's network namespace only.",
          {"TCP memory": "max(conntrack_tcp_memory_bytes / (conntrack_tcp_memory_bytes_limit > 0))"},
          "percentunit", maximum=1, steps=above(LIMIT_SHARE_WARNING, LIMIT_SHARE_CRITICAL)),
    Panel("lines", "Open files of their limit",
          "At 100 % the system opens no file and no socket any more.",
          {"open files": "max(conntrack_file_handles / (conntrack_file_handles_limit > 0))"}, "percentunit", maximum=1,
          steps=above(LIMIT_SHARE_WARNING, LIMIT_SHARE_CRITICAL)),
])

SETTINGS = Row("Settings", [
    Panel("table", "Timeouts",
          "How long an entry stays after its last packet. The longest one of a state that many flows are in decides "
          "how full the table is. Five days for tcp established is the kernel's default, and mostly too long.",
          {"": "max by (protocol, state) (conntrack_timeout_seconds)"}, "s", 10, 10,
          columns={"protocol": "protocol", "state": "state", "Value": "timeout"}, sort="timeout"),
    Panel("table", "Settings", "net.netfilter.nf_conntrack_NAME of this network namespace.",
          {"": "max by (name) (conntrack_setting)"}, "none", 7, 10, columns={"name": "name", "Value": "value"},
          sort="name+"),
    Panel("stat", "Buckets", "Of the hash table, which all network namespaces share.",
          {"buckets": "max(conntrack_buckets)"}, "short", 7, 5),
    Panel("stat", "Expectations allowed", "Connections that helpers (FTP, SIP and the like) may expect at once.",
          {"limit": "max(conntrack_expectations_limit)"}, "short", 7, 5),
    Panel("lines", "Tracking active over time",
          "1 while packets pass through conntrack. A fall to 0: the rules that needed it are gone, as after a reload "
          "of the firewall that failed. A gap: it cannot be told.",
          {"{{family}}": "min by (family) (conntrack_tracking_active)"}, "none", 24, 5, maximum=1),
], collapsed=True)

EXPORTER = Row("The exporter itself", [
    Panel("lines", "CPU", "Of both processes; 100 % is one core. Too much for you: scrape less often, or lower "
          "--collector.flows.limit.",
          {"CPU": f"sum(rate(process_cpu_seconds_total) {OWN})"}, "percentunit"),
    Panel("lines", "Memory", "Of both processes. It is bounded, however large the table is.",
          {"resident": f"sum(process_resident_memory_bytes {OWN})",
           "virtual": f"sum(process_virtual_memory_bytes {OWN})"}, "bytes"),
    Panel("lines", "File descriptors and threads", "Level, apart from open scrapes. A line that only rises is a leak: "
          "please report it.",
          {"open": f"sum(process_open_fds {OWN})", "allowed": f"sum(process_max_fds {OWN})",
           "threads": f"sum(process_threads {OWN})"}),
    Panel("lines", "Collectors' durations", "Which part of a scrape takes how long. flows is the walk over the table.",
          {"{{collector}}": "max by (collector) (conntrack_scrape_collector_duration_seconds)"}, "s"),
    Panel("lines", "Collectors' success", "1 is well. 0: its metrics are missing here, and the exporter's log says "
          "why; mostly a missing CAP_NET_ADMIN.",
          {"{{collector}}": "min by (collector) (conntrack_scrape_collector_success)"}, "none", maximum=1),
    Panel("lines", "Scrapes", "How long Prometheus waits for all. Near the scrape timeout the walk is cut short.",
          {"duration": f"max(scrape_duration_seconds {OWN})"}, "s"),
    Panel("lines", "Flows that the last walk read", "Cut off at --collector.flows.limit, when the counts by state and "
          "the like are scaled from a sample.",
          {"read": "sum(conntrack_walk_flows)"}),
    Panel("lines", "Walk complete",
          "0: the walk stopped at its limit or deadline, and the counts are scaled from what it read.",
          {"complete": "min(conntrack_walk_complete)"}, "none", maximum=1),
    Panel("lines", "Duration and age of the last walk", "A young walk is reused, so that two servers cost one walk.",
          {"duration": "max(conntrack_walk_duration_seconds)", "age": "max(time() - conntrack_walk_timestamp_seconds)"},
          "s"),
    Panel("lines", "Limits that clients hit", "Requests that are too large or too slow, connections beyond what all or one "
          "address may have, scrapes beyond --web.max-requests, passwords guessed too fast. On a quiet network all 0.",
          {"{{limit}}": "sum by (limit) (rate(conntrack_exporter_http_limit_hits_total))"}, "cps"),
    Panel("lines", "Logins refused", "With --web.config.file: requests without a right login. A scraper with an old "
          "password, or somebody who guesses.",
          {"refused": "sum(rate(conntrack_exporter_http_unauthorized_total))"}, "cps"),
    Panel("lines", "Web configuration in force", "With --web.config.file: 0 when an edit was refused, and what was "
          "read before it stays in force; the log says why.",
          {"current": "min(conntrack_exporter_web_config_last_reload_successful)"}, "none", maximum=1),
    Panel("stat", "Up",
          "Whether Prometheus reaches the exporter, in jobs called as the alert ConntrackExporterDown has them. "
          "Down: the host is, or the exporter, or the table is full and a new connection does not get in.",
          {"{{instance}}": f"min by (instance) ({UP})"}, "none", 6, 5, texts={0: ("down", RED), 1: ("up", GREEN)}),
    Panel("stat", "Running since", "A young one: it was restarted.",
          {"age": f"min(time() - process_start_time_seconds {OWN})"}, "s", 6, 5),
    Panel("stat", "Series", "Of one scrape. With the 5 that Prometheus adds, the default is below 250 for each host.",
          {"series": f"max(scrape_samples_scraped {OWN})"}, "short", 6, 5),
    Panel("table", "Build", "Which version runs.",
          {"": "count by (version, revision, compiler) (conntrack_exporter_build_info)"}, "none", 6, 5,
          columns={"version": "version", "revision": "revision", "compiler": "compiler", "Value": "hosts"}),
], collapsed=True)

DASHBOARD = dashboard(
    UID, "Conntrack / Host",
    "The conntrack table of a host beside its sockets. Needs conntrack_exporter and no recording rules. Of several "
    "chosen hosts counts and rates are added up, of shares and times that of the worst one is shown.",
    [VERDICT, CORRELATION, FILLS, KERNEL, SOCKETS, OTHER, SETTINGS, EXPORTER])
