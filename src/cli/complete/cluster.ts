import type { SessionOptions } from '../../client/session/types.ts';

const FLAGS: Record<string, keyof SessionOptions> = {
  '--context': 'context',
  '--kubeconfig': 'kubeconfig',
  '--namespace': 'namespace',
  '-n': 'namespace',
};

/** The cluster that a line which is still being typed is about. */
export function clusterIn(words: readonly string[]): SessionOptions {
  const options: SessionOptions = {};
  for (const [index, word] of words.slice(0, -1).entries()) {
    const [flag = '', joined] = word.split('=', 2);
    const value = joined ?? words.slice(0, -1)[index + 1];
    const name = FLAGS[flag];
    if (name !== undefined && value !== undefined) options[name] = value;
  }
  return options;
}
