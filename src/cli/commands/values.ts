/** Values of options, from what was typed. */
import { InvalidArgumentError } from 'commander';

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('expected a number');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

/** As `durationMs` takes it, of which only running a command needs more. */
export function duration(text: string): string {
  if (!/^\d+(\.\d+)?[smhd]$/.test(text))
    throw new InvalidArgumentError('expected a duration, such as 90s, 30m or 2h');
  return text;
}
