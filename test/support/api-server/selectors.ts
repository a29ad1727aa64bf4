import type { Stored } from './objects.ts';

export type Selects = (object: Stored) => boolean;

function labelTerm(term: string): Selects {
  const equality = /^([^!=\s]+)\s*(==|=|!=)\s*(.*)$/.exec(term);
  if (!equality) return (object) => object.metadata.labels?.[term] !== undefined;
  const [, name = '', operator, value] = equality;
  return (object) => (object.metadata.labels?.[name] === value) === (operator !== '!=');
}

function fieldTerm(term: string): Selects {
  const [path = '', value] = term.split('=');
  const names = path.split('.');
  return (object) => {
    const found = names.reduce<unknown>(
      (at, name) => (at as Record<string, unknown> | undefined)?.[name],
      object,
    );
    return (found ?? '') === value;
  };
}

/** What a list or watch asks for: namespace, `labelSelector` (=, !=, existence), `fieldSelector` (=). */
export function selector(namespace: string, query: URLSearchParams): Selects {
  const terms = (name: string): string[] => (query.get(name) ?? '').split(',').filter((term) => term !== '');
  const all = [...terms('labelSelector').map(labelTerm), ...terms('fieldSelector').map(fieldTerm)];
  if (namespace !== '') all.push((object) => object.metadata.namespace === namespace);
  return (object) => all.every((selects) => selects(object));
}
