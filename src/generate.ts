/** Entry point of `npm run generate`: writes config, charts, docs/reference, the version of sbd, the types of AWS's resources and the tables of rooms, fields and agents out of the types, the objects of an installation, the declared permissions, the alerts and panels, the command line of sb and rooms.json. */
import { globSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { brokerPermissions } from './broker/permissions.ts';
import { program } from './cli/program.ts';
import type { Cli } from './cli/commands/command.ts';
import { cliPage } from './cli/reference.ts';
import { publishedSchema, schemaNames } from './client/documents/index.ts';
import { definitions } from './crds/kinds.ts';
import { withAgents } from './generate/agents-page.ts';
import { resourceTypes } from './generate/cloudformation.ts';
import { permissionsPage } from './generate/aws-permissions.ts';
import { chartFiles, chartFolders, withChartValues } from './generate/chart/chart.ts';
import { configFolders } from './generate/config.ts';
import { NOTICE, yaml, type Files } from './generate/kustomize.ts';
import { metricsPage } from './generate/metrics-page.ts';
import { conditionsPage, kindPage } from './generate/reference.ts';
import { readHouse } from './generate/rooms/rooms.ts';
import { permissionsModule } from './generate/operator-permissions.ts';
import { withTable } from './generate/rooms/table.ts';
import { withFields } from './generate/task-fields.ts';
import { BROKER, OPERATOR } from './installation/names.ts';
import { rulesFile } from './installation/monitoring/alerts.ts';
import { dashboard } from './installation/monitoring/dashboard.ts';
import { ownVersion } from './installation/version.ts';
import { EVENT_PERMISSIONS, leasePermissions } from './kube/permissions.ts';
import type { Permission } from './kube/types.ts';
import { permissions as buildKit } from './providers/image-builder/buildkit.ts';

const ROOT = join(import.meta.dirname, '..');

/** What each controller declares beside its code. */
async function controllerPermissions(): Promise<Permission[]> {
  const files = globSync('src/controllers/*/controller.ts', { cwd: ROOT }).sort();
  const modules = await Promise.all(
    files.map((file) => import(join(ROOT, file)) as Promise<{ permissions: Permission[] }>),
  );
  return modules.flatMap(({ permissions }) => permissions);
}

/** Everything that the operator does in the API; a part that is missing here is refused by the API server. */
export const permissions: Permission[] = [
  ...(await controllerPermissions()),
  ...brokerPermissions(BROKER),
  ...buildKit,
  ...EVENT_PERMISSIONS,
  ...leasePermissions(OPERATOR.name),
];

/** The command line is only looked at. */
const neverRun: Cli = { io: undefined as never, finish: () => undefined };

const markdown = (page: string): string => `<!-- ${NOTICE} -->\n\n${page}\n`;

const schemas = schemaNames.map((name) => [
  `${name}.json`,
  `${JSON.stringify(publishedSchema(name), undefined, 2)}\n`,
]);

/** What is written, by folder. Prettier has the last word about how it looks. */
export const folders: Record<string, Files> = {
  ...configFolders(permissions, ownVersion()),
  ...chartFolders(permissions),
  'docs/reference': {
    'aws-permissions.md': markdown(permissionsPage()),
    ...Object.fromEntries(
      definitions.map((kind) => [`${kind.spec.names.singular}.md`, markdown(kindPage(kind))]),
    ),
    'conditions.md': markdown(conditionsPage()),
    'cli.md': markdown(cliPage(program(neverRun))),
    'metrics.md': markdown(metricsPage()),
  },
  'docs/reference/schemas': Object.fromEntries(schemas),
};

/** What is written beside files that are not generated, by path. */
export const files: Files = {
  ...chartFiles(ownVersion()),
  'charts/sb-operator/files/rules.yaml': yaml(rulesFile()),
  'charts/sb-operator/dashboards/sb-operator.json': `${JSON.stringify(dashboard(), undefined, 2)}\n`,
};

async function write(): Promise<void> {
  for (const [folder, texts] of Object.entries(folders)) {
    const path = join(ROOT, folder);
    // A file that is generated no longer must not stay behind.
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    for (const [file, text] of Object.entries(texts)) await writeFile(join(path, file), text);
  }
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(ROOT, dirname(file)), { recursive: true });
    await writeFile(join(ROOT, file), text);
  }
  await rewrite('charts/sb-operator/README.md', withChartValues);
  await rewrite('docs/architecture.md', (page) => withTable(page, readHouse(ROOT)));
  await rewrite('docs/tasks.md', withFields);
  await rewrite('docs/agents.md', withAgents);
  await rewrite('src/installation/aws/stacks/resource-types.ts', () => resourceTypes());
  await rewrite('src/installation/operator-permissions.ts', () => permissionsModule(permissions));
  // What sbd says of itself to couriers; it is compiled where no package.json is.
  await rewrite('sbd/main.go', (text) =>
    text.replace(/^var version = .*$/m, `var version = "${ownVersion()}"`),
  );
}

async function rewrite(file: string, change: (page: string) => string): Promise<void> {
  const path = join(ROOT, file);
  await writeFile(path, change(await readFile(path, 'utf8')));
}

if (import.meta.main) await write();
