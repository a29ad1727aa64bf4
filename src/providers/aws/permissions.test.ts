import { expect } from 'chai';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf } from '../../crds/namespace-rules.ts';
import { TOOLS_BUILDSPEC } from '../image-builder/tools/buildspec.ts';
import { BUILDSPEC } from '../image-builder/codebuild/buildspec.ts';
import { actionsOf, AWS_PERMISSIONS, RESOURCES, WITHHELD, type AwsRole } from './permissions.ts';

const SRC = join(import.meta.dirname, '../..');
/** The operator as it runs: no tests, no contracts for them, and not the programs that people run under their own names, nor what these alone call. */
const files = globSync('**/*.ts', { cwd: SRC })
  .filter((file) => !/\.test\.ts$|contract\.ts$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));
const ofPeople = ({ file }: { file: string }): boolean =>
  /^(cli|client|ui|providers\/(access|account|stacks))\//.test(file);
const sources = files.filter((one) => !ofPeople(one));
/** The programs that people run, and what of theirs the rooms below do in the bucket. */
const programs = files.filter(ofPeople);

/** Prefixes of IAM actions by the SDK’s client, and by the first word of the `aws` command. */
const CLIENTS: Record<string, string> = {
  s3: 's3',
  ecr: 'ecr',
  codebuild: 'codebuild',
  'cloudwatch-logs': 'logs',
  'secrets-manager': 'secretsmanager',
  'cost-explorer': 'ce',
};
const COMMANDS: Record<string, string> = {
  ...CLIENTS,
  s3api: 's3',
  logs: 'logs',
  secretsmanager: 'secretsmanager',
};

interface Operation {
  service: string;
  name: string;
}

const IMPORT = /import (?!type)\{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g;
const CALLED = /\b(?:paginate(\w+)|(\w+)Command)\b/g;

/** Operations of the SDK that a source imports: each `…Command`, presigned or sent, and each paginator. */
const importedBy = (text: string): Operation[] =>
  [...text.matchAll(IMPORT)].flatMap(([, names = '', client = '']) =>
    [...names.matchAll(CALLED)].map(([, paginated, sent]) => ({
      service: CLIENTS[client] ?? client,
      name: paginated ?? sent ?? '',
    })),
  );

const pascal = (command: string): string =>
  command.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());

/** What a text for a shell calls of the AWS CLI. */
const commandsIn = (script: string): { command: string; operation: Operation }[] =>
  [...script.matchAll(/\baws ([a-z][\w-]*) ([a-z][\w-]+)/g)].map(([command, service = '', name = '']) => ({
    command,
    operation: { service: COMMANDS[service] ?? service, name: pascal(name) },
  }));

const granted = (role: AwsRole): Set<string> =>
  new Set(AWS_PERMISSIONS.filter((permission) => permission.role === role).map(({ action }) => action));

/** Actions that these operations need and the role has not. */
const lacking = (role: AwsRole, operations: Operation[]): string[] => {
  const has = granted(role);
  return operations
    .flatMap(({ service, name }) => actionsOf(service, name))
    .filter((action) => !has.has(action) && WITHHELD[action] === undefined);
};

const imported = sources.flatMap(({ text }) => importedBy(text));
const rows = (role: AwsRole) => AWS_PERMISSIONS.filter((permission) => permission.role === role);

describe('the table of AWS permissions', () => {
  it('lists the action of every operation that an adapter imports', () => {
    expect(imported).to.have.length.above(10);
    expect(lacking('operator', imported)).to.deep.equal([]);
  });

  it('would notice an operation that nobody listed', () => {
    const text = `import { GetObjectCommand, DeleteBucketCommand, paginateListBuckets } from '@aws-sdk/client-s3';
      import type { PutItemCommand } from '@aws-sdk/client-dynamodb';
      import { BatchDeleteImageCommand } from '@aws-sdk/client-ecr';`;
    const missing = ['s3:DeleteBucket', 's3:ListBuckets', 'ecr:BatchDeleteImage'];
    expect(lacking('operator', importedBy(text))).to.deep.equal(missing);
  });

  it('lists nothing for the operator that nobody calls', () => {
    const oci = sources.find(({ file }) => file.endsWith('image-registry/ecr.ts'))?.text ?? '';
    for (const { action, by, option } of rows('operator')) {
      if (by.startsWith('GET /v2/')) expect(oci, action).to.contain('ociImageRegistry(');
      else
        for (const name of by.split(', ')) {
          const operation = imported.find((one) => one.name === name);
          expect(operation, `${name} for ${action}`).to.not.equal(undefined);
          if (option === undefined) expect(actionsOf(operation!.service, name)).to.include(action);
        }
    }
  });

  it('withholds what adapters can do and no part of the operator does', () => {
    const all = imported.flatMap(({ service, name }) => actionsOf(service, name));
    expect(all).to.include.members(Object.keys(WITHHELD));
    for (const role of ['operator', 'builder', 'node', 'logShipper'] as const)
      expect([...granted(role)]).to.not.include.members(Object.keys(WITHHELD));
    const deleted = (role: AwsRole) =>
      rows(role).flatMap(({ action, on }) => (WITHHELD[action] === undefined ? [] : [on]));
    expect(deleted('client')).to.deep.equal(['doctorProbes']);
    expect(deleted('researcher')).to.deep.equal(['ownProbes']);
    const deleting = sources.filter(({ text }) => /\b(artifacts|store)\.delete\(/.test(text));
    expect(deleting.map(({ file }) => file)).to.deep.equal([]);
  });

  it('lists what the buildspec calls for the builder, and nothing that it does not call', () => {
    const called = commandsIn(BUILDSPEC);
    const operations = called.map(({ operation }) => operation);
    expect(lacking('builder', operations)).to.deep.equal([]);
    if (BUILDSPEC.includes('--version-id')) expect([...granted('builder')]).to.include('s3:GetObjectVersion');
    const listed = new Set(rows('builder').flatMap(({ by }) => by.split(', ')));
    const commands = [...listed].filter((by) => by.startsWith('aws '));
    expect(commands.sort()).to.deep.equal([...new Set(called.map(({ command }) => command))].sort());
    for (const by of listed) if (by.startsWith('docker ')) expect(BUILDSPEC).to.contain(by);
  });

  it('lists what the build of the installation’s images calls, and nothing that it does not call', () => {
    const called = commandsIn(TOOLS_BUILDSPEC);
    expect(
      lacking(
        'installer',
        called.map(({ operation }) => operation),
      ),
    ).to.deep.equal([]);
    const listed = new Set(rows('installer').map(({ by }) => by));
    const commands = [...listed].filter((by) => by.startsWith('aws '));
    expect(commands.sort()).to.deep.equal([...new Set(called.map(({ command }) => command))].sort());
    for (const by of listed) if (by.startsWith('docker ')) expect(TOOLS_BUILDSPEC).to.contain(by);
  });

  it('lets no build of a task push the operator’s image or what builds begin with', () => {
    const pushed = (role: AwsRole) =>
      rows(role).flatMap(({ action, on }) => (action === 'ecr:PutImage' ? [on] : []));
    expect(pushed('builder')).to.have.members(['repository', 'cacheRepository']);
    expect(pushed('installer')).to.have.members(['tools', 'operatorRepository']);
  });

  it('lets nodes pull and nothing else', () => {
    // What AmazonEC2ContainerRegistryPullOnly allows, on every repository; here on some.
    const pull = ['ecr:GetAuthorizationToken', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];
    expect([...granted('node')]).to.have.members([...pull, 'ecr:BatchImportUpstreamImage']);
  });

  it('lists what sb does with the store for people, and nothing that it does not do', () => {
    // Of the port; what each is in the API stands in the adapter.
    const operations: Record<string, string[]> = {
      put: ['PutObject'],
      get: ['GetObject'],
      head: ['HeadObject'],
      list: ['ListObjectsV2'],
      delete: ['DeleteObject'],
      presignGet: ['GetObject'],
    };
    const called = new Set(
      programs.flatMap(({ text }) =>
        [...text.matchAll(/\b(?:store|artifacts|bucket)\.(\w+)\(/g)].map(([, method = '']) => method),
      ),
    );
    const port = readFileSync(join(SRC, 'providers/artifact-store/port.ts'), 'utf8');
    const local = ['uri', 'link', 'origins'];
    const methods = [...called].filter(
      (method) => port.includes(`\n  ${method}(`) && !local.includes(method),
    );
    expect(methods).to.have.members(Object.keys(operations));
    const actions = new Set(
      Object.values(operations)
        .flat()
        .flatMap((name) => actionsOf('s3', name)),
    );
    for (const role of ['client', 'researcher'] as const) {
      const plain = rows(role).filter(({ option }) => option === undefined);
      expect([...new Set(plain.map(({ action }) => action))], role).to.have.members([...actions]);
    }
  });

  it('has people write neither results nor records, which are the operator’s', () => {
    const written = rows('client').filter(({ action }) => /Put|Delete/.test(action));
    expect(written.map(({ on }) => on)).to.have.members(['tasks', 'jobs', 'doctorProbes']);
  });

  it('has a researcher write below a folder of their own, and nowhere else', () => {
    const written = rows('researcher').flatMap(({ action, on }) => (/Put|Delete/.test(action) ? [on] : []));
    expect(written).to.have.members(['ownTasks', 'ownProbes']);
    for (const on of written)
      expect(RESOURCES[on]).to.contain(`:::\${SB_S3_BUCKET}/tasks/${folderOf('${SB_RESEARCHER}')}/`);
  });

  it('names single actions, and all resources only for the action that takes no other', () => {
    const ofAccounts = [
      'ecr:GetAuthorizationToken',
      'ecr-public:GetAuthorizationToken',
      'sts:GetServiceBearerToken',
      'ce:GetCostAndUsage',
    ];
    for (const { action, on } of AWS_PERMISSIONS) {
      expect(action).to.match(/^[a-z0-9-]+:[A-Z][A-Za-z]+$/);
      expect(RESOURCES[on] === '*', action).to.equal(ofAccounts.includes(action));
    }
  });

  it('keeps results and the operator’s own calls away from untrusted Dockerfiles', () => {
    expect(rows('builder').map(({ on }) => on)).to.not.include.members(['trials']);
    // Outcomes that Trials take over lie there.
    for (const role of ['builder', 'node', 'logShipper'] as const)
      expect(
        rows(role).map(({ on }) => on),
        role,
      ).to.not.include('indexes');
    expect(
      [...granted('builder')].filter((action) => /s3:Put|s3:Delete|codebuild:|iam:|sts:Assume/.test(action)),
    ).to.deep.equal([]);
  });
});
