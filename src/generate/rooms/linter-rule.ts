/**
 * The linter's rule `rooms/arrows`: every import keeps to `rooms.json`. The linter's own rules cannot say it: they match the text of an import,
 * and the same file has another text in every folder.
 */
import { dirname, relative } from 'node:path';
import { problemOf, readHouse, rootAbove, type House } from './rooms.ts';

/** The parts of ESTree that are read here. */
interface Source {
  type: string;
  value?: unknown;
}
interface Importing {
  source?: Source | null;
  importKind?: string;
  exportKind?: string;
  specifiers?: { importKind?: string; exportKind?: string }[];
}
interface Context {
  filename: string;
  report: (problem: { node: object; message: string }) => void;
}

/** Folders whose files lie in rooms. */
const WALLED = /^(src|release)\//;

const houses = new Map<string, House>();

function houseAt(root: string): House {
  const known = houses.get(root) ?? readHouse(root);
  houses.set(root, known);
  return known;
}

function isTypesOnly({ importKind, exportKind, specifiers = [] }: Importing): boolean {
  if (importKind === 'type' || exportKind === 'type') return true;
  return (
    specifiers.length > 0 && specifiers.every((one) => one.importKind === 'type' || one.exportKind === 'type')
  );
}

function create({ filename, report }: Context): Record<string, (node: Importing) => void> {
  const root = rootAbove(dirname(filename));
  if (root === undefined) return {};
  const house = houseAt(root);
  const from = relative(root, filename);
  if (!WALLED.test(from)) return {};
  const check = (node: Importing): void => {
    if (typeof node.source?.value !== 'string') return;
    const message = problemOf(house, { from, specifier: node.source.value, typesOnly: isTypesOnly(node) });
    if (message !== undefined) report({ node: node.source, message });
  };
  return {
    ImportDeclaration: check,
    ImportExpression: check,
    ExportNamedDeclaration: check,
    ExportAllDeclaration: check,
    // `import('…').Name` as a type.
    TSImportType: (node) => check({ ...node, importKind: 'type' }),
  };
}

export default { meta: { name: 'rooms' }, rules: { arrows: { create } } };
