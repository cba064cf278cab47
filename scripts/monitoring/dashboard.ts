// What a dashboard of ours is, in the words of Grafana's own schema. scripts/check-monitoring puts each dashboard behind
// `const dashboard: OwnDashboard =` and lets the TypeScript compiler compare: it refuses unknown properties and values.
import type { DashboardLink, Dashboard, DataSourceRef, FieldConfigSource, GridPos, RowPanel } from '@grafana/schema';
import type { Options as BarGaugeOptions } from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts';
import type { Options as StatOptions } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type {
  FieldConfig as TimeSeriesFieldConfig,
  Options as TimeSeriesOptions,
} from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

/** As JSON has it: an enum's values are texts. Whatever has a default may be left out. */
type InJson<T> = T extends string
  ? `${T}`
  : T extends object
    ? { [K in keyof T]?: InJson<T[K]> }
    : T;

/** As Grafana's source of Prometheus has it; its schema is in a package that needs Grafana's own build. */
type PrometheusTarget = {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat: string;
  instant?: boolean;
  range?: boolean;
};

type PanelOf<Type extends string, Options, Custom> = {
  id: number;
  type: Type;
  title: string;
  description: string;
  datasource: DataSourceRef;
  gridPos: GridPos;
  targets: PrometheusTarget[];
  fieldConfig: {
    defaults: InJson<Omit<FieldConfigSource['defaults'], 'custom'>> & { unit: string; custom?: InJson<Custom> };
    overrides: [];
  };
  options: InJson<Options>;
};

type OwnPanel =
  | PanelOf<'timeseries', TimeSeriesOptions, TimeSeriesFieldConfig>
  | PanelOf<'stat', StatOptions, never>
  | PanelOf<'bargauge', BarGaugeOptions, never>
  | (Omit<RowPanel, 'panels'> & { panels: [] });

export type OwnDashboard = Omit<Dashboard, 'panels' | 'links'> & {
  uid: string;
  title: string;
  links: DashboardLink[];
  panels: OwnPanel[];
};
