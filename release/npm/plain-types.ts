/** Types that a schema says, written out: users of them need neither the schemas nor the library that these are made with. */
import { writeFileSync } from 'node:fs';
// The compiler of the project has no API of this kind.
import ts from 'typescript-api';

type Edit = readonly [node: ts.Node, text: string];

/** Rewrites these declaration files: `type X = Static<typeof X>` becomes what it comes to, and a schema of the same name goes. */
export function writeOutTypes(files: string[], compiler: object): void {
  const { options } = ts.convertCompilerOptionsFromJson(compiler, '.');
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  for (const file of files) {
    const source = program.getSourceFile(file);
    if (source) writeFileSync(file, edited(source, editsOf(source, checker)));
  }
}

function editsOf(source: ts.SourceFile, checker: ts.TypeChecker): Edit[] {
  const aliases = source.statements.filter(ts.isTypeAliasDeclaration).filter(isSaidBySchema);
  const names = new Set(aliases.map(({ name }) => name.text));
  const schemas = source.statements.filter(
    (statement) =>
      ts.isVariableStatement(statement) &&
      statement.declarationList.declarations.every(({ name }) => names.has(name.getText())),
  );
  return [
    ...aliases.map(({ name, type }): Edit => [type, writtenOut(checker, name)]),
    ...schemas.map((schema): Edit => [schema, '']),
  ];
}

const isSaidBySchema = ({ type }: ts.TypeAliasDeclaration): boolean => /\bStatic</.test(type.getText());

function writtenOut(checker: ts.TypeChecker, name: ts.Identifier): string {
  const flags = ts.NodeBuilderFlags.NoTruncation | ts.NodeBuilderFlags.InTypeAlias;
  // What the file can name by itself may stay a name.
  const node = checker.typeToTypeNode(checker.getTypeAtLocation(name), name.parent, flags);
  if (!node) throw new Error(`the type ${name.text} cannot be written out`);
  return ts.createPrinter().printNode(ts.EmitHint.Unspecified, node, name.getSourceFile());
}

/** From the last to the first, so that none moves another. */
const edited = (source: ts.SourceFile, edits: Edit[]): string =>
  edits
    .toSorted(([one], [other]) => other.pos - one.pos)
    .reduce((text, [node, by]) => text.slice(0, node.getStart()) + by + text.slice(node.end), source.text);
