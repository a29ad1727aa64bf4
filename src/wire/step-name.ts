/** Names of steps are names of folders on every system; the rules of Harbor's `step_name.py`. */

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN = /[<>:"/\\|?*\x00-\x1f\x7f]/;
const DEVICE = /^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[1-9¹²³])$/i;
const MAX_BYTES = 255;

/** What is expected of a name that does not fit; undefined where it fits. */
export function stepNameFault(name: string): string | undefined {
  if (Buffer.byteLength(name) > MAX_BYTES) return `at most ${MAX_BYTES} bytes`;
  const device = name.split('.', 1)[0]?.replace(/ +$/, '') ?? '';
  const fits = name.trim() !== '' && !/[. ]$/.test(name) && !FORBIDDEN.test(name) && !DEVICE.test(device);
  return fits
    ? undefined
    : 'the name of a folder that every system allows: no separators, control or reserved characters, device names, or dots and spaces at its end';
}

/** Equal for names that a file system without case, or one that normalises Unicode, takes for one: ß is ss, as in Python's casefold. */
export const stepNameKey = (name: string): string => name.normalize('NFC').toUpperCase().toLowerCase();
