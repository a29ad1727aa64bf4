/** A comment line that marks a file as belonging to a benchmark, so that it can be found in training text. */
const CANARY = /^(<!--.*canary.*-->|#.*canary.*)$/i;

/** The instruction as the agent gets it: without leading canary lines and the blank lines after them, as Harbor does. */
export function stripCanary(text: string): string {
  const lines = text.split('\n');
  let first = lines.findIndex((line) => !CANARY.test(line.trim()));
  if (first < 0) return '';
  while (first < lines.length && lines[first]?.trim() === '') first += 1;
  return lines.slice(first).join('\n');
}
