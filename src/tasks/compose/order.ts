/** What services wait for, and the order in which they start. */
import { isRecord } from '../../text/json.ts';
import type { Named } from './network.ts';
import type { Place } from './place.ts';
import { CONDITIONS, type ComposeService, type Condition, type Dependency } from './types.ts';

interface Options {
  condition?: string;
  required?: boolean;
}

/** Of one service, those that it names and that are there. */
export function dependenciesOf({ service, place }: Named, all: readonly Named[]): Dependency[] {
  const { depends_on: said = [] } = service;
  const entries: [string, Options | null][] = isRecord(said)
    ? Object.entries(said)
    : said.map((other) => [other, null]);
  return entries.flatMap(([other, options]): Dependency[] => {
    const { condition = 'service_started', required = true } = options ?? {};
    const at = place.at('depends_on', other);
    if (!isCondition(condition)) {
      const says = `${JSON.stringify(condition)} is no condition; expected one of ${CONDITIONS.join(', ')}`;
      at.at('condition').invalid(says);
      return [];
    }
    if (all.some(({ name }) => name === other)) return [{ service: other, condition }];
    if (required) at.invalid(`there is no service ${other}`);
    return [];
  });
}

const isCondition = (text: string): text is Condition => CONDITIONS.some((one) => one === text);

/** Those that others wait for first, else as in the file. `place`: of all services. */
export function inOrder(services: readonly ComposeService[], place: Place): ComposeService[] {
  const ordered: ComposeService[] = [];
  const left = new Set(services);
  while (left.size > 0) {
    const next = [...left].find(({ dependsOn }) =>
      dependsOn.every(({ service }) => ordered.some(({ name }) => name === service)),
    );
    if (!next) {
      const names = [...left].map(({ name }) => name);
      place.at(names[0] ?? '', 'depends_on').invalid(`${names.join(', ')} wait for each other`);
      return [...ordered, ...left];
    }
    ordered.push(next);
    left.delete(next);
  }
  return ordered;
}

/** What is waited for has to come about. `place`: of all services. */
export function refuseConditions(services: readonly ComposeService[], place: Place): void {
  for (const { name, dependsOn } of services)
    for (const dependency of dependsOn) {
      const other = services.find((one) => one.name === dependency.service);
      const why = other && whyNever(dependency, other);
      if (why !== undefined) place.at(name, 'depends_on', dependency.service).unsupported(why);
    }
}

function whyNever(
  { condition }: Dependency,
  { name, healthcheck, restart }: ComposeService,
): string | undefined {
  if (condition === 'service_healthy' && !healthcheck)
    return `${name} has no healthcheck in this file; the one of an image is not looked at`;
  if (condition !== 'service_completed_successfully') return undefined;
  if (name === 'main') return 'main never ends before the agent does';
  return restart.when === 'always'
    ? `${name} is started again whenever it ends, so nothing comes after it`
    : undefined;
}
