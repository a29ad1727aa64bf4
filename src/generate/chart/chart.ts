/** The chart: what of it is generated, by path below charts/sb-operator. Templates of other things than config/default has are written by hand beside these. */
import { dump } from 'js-yaml';
import { OVERLAYS } from '../../installation/overlays.ts';
import type { Permission } from '../../kube/types.ts';
import { between } from '../in-page.ts';
import { NOTICE } from '../kustomize.ts';
import { settingsIn, valuesSchema, valuesTable, valuesYaml, type SettingOf } from './derived.ts';
import { objectTemplates } from './objects.ts';
import { profileFile } from './profiles.ts';
import { VALUES } from './values.ts';

type Files = Record<string, string>;

/** How the text of a variable is made of its value. */
const TEXTS: Record<SettingOf['as'], string> = {
  text: '.',
  number: 'int64 .',
  list: 'join "," .',
  pairs: 'include "sb-operator.pairs" .',
  json: 'toJson .',
};

const settingLines = ({ path, env, as }: SettingOf): string =>
  `{{- with .Values.${path} }}\n${env}: {{ ${TEXTS[as]} | quote }}\n{{- end }}\n`;

/** The operator’s environment, as far as values say it. */
const settings = (): string =>
  `{{/* ${NOTICE} */}}\n{{- define "sb-operator.settings" -}}\n{{- with include "sb-operator.region" . }}\nSB_S3_REGION: {{ . | quote }}\n{{- end }}\n${settingsIn(VALUES).map(settingLines).join('')}{{- end }}\n`;

const chartYaml = (version: string): string =>
  dump({
    apiVersion: 'v2',
    name: 'sb-operator',
    description: 'Kubernetes operator that runs Harbor tasks as Trials: image, agent, verifier, reward.',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.31.0-0',
    annotations: { licenses: 'Apache-2.0' },
  });

/** Whole folders, by path; nothing else may be in them. */
export const chartFolders = (permissions: readonly Permission[]): Record<string, Files> =>
  Object.fromEntries([
    ...Object.entries(objectTemplates(permissions)).map(([folder, files]) => [
      `charts/sb-operator/templates/${folder}`,
      files,
    ]),
    [
      'charts/sb-operator/profiles',
      Object.fromEntries(
        Object.entries(OVERLAYS).map(([name, overlay]) => [`${name}.yaml`, profileFile(overlay)]),
      ),
    ],
  ]) as Record<string, Files>;

/** Single files, by path. */
export const chartFiles = (version: string): Files => ({
  'charts/sb-operator/Chart.yaml': `# ${NOTICE}\n${chartYaml(version)}`,
  'charts/sb-operator/values.yaml': `# ${NOTICE}\n\n${valuesYaml(VALUES)}`,
  'charts/sb-operator/values.schema.json': `${JSON.stringify(valuesSchema(VALUES), undefined, 2)}\n`,
  'charts/sb-operator/templates/_settings.tpl': settings(),
});

const MARKS = ['<!-- src/generate/chart: this table is generated -->', '<!-- end of the table -->'] as const;

/** The chart's README with the table of values as they are. Throws where it has no place for it. */
export const withChartValues = (page: string): string => between(page, MARKS, `${valuesTable(VALUES)}\n`);
