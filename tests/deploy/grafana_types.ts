// SPDX-License-Identifier: GPL-2.0-or-later
// What a dashboard of the Classic model may say, from the types of the Grafana Foundation SDK.
import * as common from "sdk/common";
import * as dashboard from "sdk/dashboard";
import * as gauge from "sdk/gauge";
import * as prometheus from "sdk/prometheus";
import * as stat from "sdk/stat";
import * as table from "sdk/table";
import * as timeseries from "sdk/timeseries";

// What JSON has where TypeScript has an enumeration: its values.
type Plain<T> = T extends string ? `${T}`
	: T extends readonly (infer U)[] ? Plain<U>[]
	: T extends object ? { [K in keyof T]: Plain<T[K]> }
	: T;

// FieldConfig.links is declared as links of a dashboard, but what stands there is Grafana's DataLink.
type Field = Omit<dashboard.FieldConfig, "custom" | "links"> &
	{ links?: { title: string; url: string; targetBlank?: boolean }[] };
type Of<T> = { [K in keyof T & string]-?: { id: K; value: NonNullable<T[K]> } }[keyof T & string];
type OfCustom<T> = { [K in keyof T & string]-?: { id: `custom.${K}`; value: NonNullable<T[K]> } }[keyof T & string];
type Target = Omit<prometheus.Dataquery, "_implementsDataqueryVariant">;
type Panel<Type extends string, Options, Custom> =
	Omit<dashboard.Panel, "type" | "targets" | "options" | "fieldConfig"> & {
		type: Type;
		targets: Target[];
		options: Options;
		fieldConfig: {
			defaults: Field & { custom?: Custom };
			overrides: { matcher: dashboard.MatcherConfig; properties: (Of<Field> | OfCustom<Custom>)[] }[];
		};
	};
type Panels = Panel<"timeseries", timeseries.Options, timeseries.FieldConfig>
	| Panel<"stat", stat.Options, {}>
	| Panel<"gauge", gauge.Options, {}>
	| Panel<"table", table.Options, Partial<table.FieldConfig>>;
export type Dashboard = Plain<Omit<dashboard.Dashboard, "panels"> & {
	panels: (Panels | (Omit<dashboard.RowPanel, "panels"> & { panels: Panels[] }))[];
}>;
