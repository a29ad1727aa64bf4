/** Values for the installations that config/overlays begins with, out of the same data. */
import { dump } from 'js-yaml';
import type { Overlay } from '../../installation/overlays.ts';
import { settingsIn, type SettingOf } from './derived.ts';
import { VALUES } from './values.ts';

/** A value out of the text of a variable. */
function valueOf(as: SettingOf['as'], text: string): unknown {
  if (as === 'number') return Number(text);
  if (as === 'json') return JSON.parse(text) as unknown;
  if (as === 'text') return text;
  const entries = text.split(',').filter((entry) => entry !== '');
  if (as === 'list') return entries;
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

/** Region of the bucket: clients are told of it as well, so that it is no plain setting. */
const REGION = { env: 'SB_S3_REGION', path: 's3.region', as: 'text' } as const;

/** What is set beside or instead of the defaults. Throws on a variable that no value sets. */
export function profileValues({ image, settings, trials }: Overlay): object {
  const values: Record<string, Record<string, unknown>> = {};
  const put = (path: string, value: unknown): void => {
    const [group = '', name] = path.split('.');
    if (name === undefined) Object.assign(values, { [group]: value });
    else (values[group] ??= {})[name] = value;
  };
  const [registry = '', ...repository] = image.split('/');
  put('image.registry', registry);
  put('image.repository', repository.join('/'));
  const known = [...settingsIn(VALUES), REGION];
  for (const [name, text] of settings) {
    const setting = known.find(({ env }) => env === name);
    if (!setting) throw new Error(`no value of the chart sets ${name}`);
    if (text !== '') put(setting.path, valueOf(setting.as, text));
  }
  if (trials) put('trials.onlyLabelledNamespaces', true);
  return values;
}

export const profileFile = (overlay: Overlay): string => {
  const [about = ''] = overlay.about;
  const head = [
    about.split(': ')[0] ?? '',
    'Add image.digest, the digest of the image that you pushed (sha256:…).',
  ];
  return `${head.map((line) => `# ${line}\n`).join('')}${dump(profileValues(overlay), { lineWidth: -1 })}`;
};
