/** The dashboard for Grafana, as data. */
import { boards, type Panel } from './panels.ts';

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Four panels stand beside each other. */
const COLUMNS = 4;
const SIZE = { w: 24 / COLUMNS, h: 7 };

const variable = (name: string, query: string, allValue?: string) => ({
  name,
  type: 'query',
  datasource: DATASOURCE,
  query: { query, refId: name },
  definition: query,
  refresh: 2,
  sort: 1,
  includeAll: true,
  multi: true,
  ...(allValue !== undefined && { allValue }),
  current: { text: 'All', value: '$__all' },
});

const variables = () => [
  { name: 'datasource', type: 'datasource', query: 'prometheus', current: {} },
  // Where Prometheus serves one cluster there is no such label: `.*` matches that, too.
  variable('cluster', 'label_values(sb_build_info, cluster)', '.*'),
  variable('job', 'label_values(sb_build_info{cluster=~"$cluster"}, job)'),
  variable(
    'namespace',
    'label_values({__name__=~"sb_trials|sb_trials_finished_total|sb_sandboxes",cluster=~"$cluster"}, namespace)',
    '.*',
  ),
];

const panelOf = (panel: Panel, at: { id: number; x: number; y: number }) => ({
  id: at.id,
  type: 'timeseries',
  title: panel.title,
  ...(panel.description !== undefined && { description: panel.description }),
  datasource: DATASOURCE,
  gridPos: { x: at.x, y: at.y, ...SIZE },
  fieldConfig: {
    defaults: {
      unit: panel.unit ?? 'short',
      min: 0,
      custom: { fillOpacity: 10, showPoints: 'never', stacking: { mode: panel.stacked ? 'normal' : 'none' } },
    },
    overrides: [],
  },
  options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  targets: panel.queries.map(([expr, legendFormat], index) => ({
    refId: String.fromCharCode(65 + index),
    datasource: DATASOURCE,
    expr,
    legendFormat,
  })),
});

function panels(): object[] {
  let [id, y] = [0, 0];
  return boards.flatMap((board) => {
    const row = {
      id: ++id,
      type: 'row',
      title: board.title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: [],
    };
    const placed = board.panels.map((panel, index) =>
      panelOf(panel, {
        id: ++id,
        x: (index % COLUMNS) * SIZE.w,
        y: y + Math.floor(index / COLUMNS) * SIZE.h,
      }),
    );
    y += Math.ceil(board.panels.length / COLUMNS) * SIZE.h;
    return [row, ...placed];
  });
}

/** `id` null: Grafana gives one. `uid` is part of its address and stays. */
export const dashboard = () => ({
  id: null,
  uid: 'sb-operator',
  title: 'sb-operator',
  tags: ['sb-operator', 'kubernetes'],
  schemaVersion: 39,
  version: 1,
  editable: false,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  timezone: 'browser',
  templating: { list: variables() },
  annotations: { list: [] },
  links: [],
  panels: panels(),
});
