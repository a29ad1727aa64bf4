import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApiServer } from '../../../test/support/api-server.ts';
import { kubeconfigFor } from '../../../test/support/client/api.ts';
import { root } from '../../../test/support/cluster.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { published, testBroker, type TestBroker } from '../../../test/support/sandbox/broker.ts';
import { TestCourier } from '../../../test/support/sandbox/courier.ts';
import { aSandbox } from '../../../test/support/sandbox/objects.ts';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { ConfigMap } from '../../kube/kinds.ts';

const run = promisify(execFile);

describe('The program with a Sandbox in docs/client.md', () => {
  let api: ApiServer;
  let broker: TestBroker;
  let courier: TestCourier;
  let folder: Folder;
  before(async () => {
    api = await ApiServer.start();
    folder = await folderOf({
      config: kubeconfigFor(api.url),
      'package.json': '{ "type": "module" }',
      'root/tmp/x': '',
    });
    courier = new TestCourier(join(folder.path, 'root'));
    broker = await testBroker(courier);
    for (const map of published(broker.ca))
      api.collection(ConfigMap).objects.set(`${map.metadata.namespace}/${map.metadata.name}`, map);
    // The operator, as far as a program notices it.
    const sandboxes = api.collection(SandboxKind);
    sandboxes.watchers.add(({ type, object }) => {
      const { status = {} } = aSandbox();
      if (type === 'ADDED') queueMicrotask(() => sandboxes.update({ ...object, status }, 'status'));
    });
  });
  after(async () => {
    courier.close();
    broker.close();
    await api.close();
    await folder.remove();
  });

  it('runs as it stands there, and leaves nothing', async function () {
    this.timeout(60_000);
    const page = await readFile(join(root, 'docs/client.md'), 'utf8');
    const [, program = ''] = /^## Sandboxes[\s\S]*?^```ts\n([\s\S]*?)^```/m.exec(page) ?? [];
    await writeFile(join(folder.path, 'program.ts'), program);
    await mkdir(join(folder.path, 'node_modules'));
    await symlink(root, join(folder.path, 'node_modules/sb-operator'));
    const { stdout } = await run(process.execPath, ['--conditions=development', 'program.ts'], {
      cwd: folder.path,
      env: {
        HOME: folder.path,
        KUBECONFIG: join(folder.path, 'config'),
        SB_BROKER_URL: broker.url,
      },
    });
    expect(stdout).to.include('3 \n').and.to.include('3 bytes\n').and.to.include("signal: 'SIGKILL'");
    expect(api.collection(SandboxKind).objects.size).to.equal(0);
  });
});
