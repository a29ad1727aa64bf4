/** A terminal in which `sb` is a command, as it is for whoever has installed it. */
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { kubeconfig, kubectlOk, root } from '../../support/cluster.ts';
import { PseudoTerminal, type TerminalOptions } from '../../support/terminal/tmux.ts';

export interface SbTerminalOptions extends Pick<TerminalOptions, 'columns' | 'rows'> {
  /** Empty; where commands run. What the terminal needs itself lies in `.terminal` below it. */
  folder: string;
  /** That of the kubeconfig's context. */
  namespace: string;
  /** Where programs are looked for, after `sb`. */
  path?: string | undefined;
}

/** Opens a terminal on the local cluster, with nobody's credentials in its environment but the kubeconfig's. */
export async function openSbTerminal({
  folder,
  namespace,
  path = process.env['PATH'] ?? '',
  ...size
}: SbTerminalOptions): Promise<PseudoTerminal> {
  const own = join(folder, '.terminal');
  const config = join(own, 'kubeconfig');
  await mkdir(join(own, 'bin'), { recursive: true });
  await symlink(join(root, 'bin/sb.mjs'), join(own, 'bin/sb'));
  await copyFile(kubeconfig, config);
  await kubectlOk(['config', 'set-context', '--current', '--namespace', namespace, '--kubeconfig', config]);
  const PATH = [join(own, 'bin'), path].join(delimiter);
  return PseudoTerminal.open({
    ...size,
    cwd: folder,
    env: { PATH, HOME: own, KUBECONFIG: config },
  });
}
