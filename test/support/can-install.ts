import { existsSync } from 'node:fs';

/** Whether Debian packages can be installed here. */
export const canInstall = (): boolean => process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
