import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../test/support/folder.ts';
import { parseTaskToml } from './toml/parse.ts';
import { readTask } from './folder/read.ts';
import { unsupportedFields, unsupportedParts } from './unsupported.ts';

const fields = (text: string): string[] => unsupportedFields(parseTaskToml(text)).map(({ field }) => field);

const TWO = '[[steps]]\nname = "a"\n[[steps]]\nname = "b"\n';

describe('unsupportedFields', () => {
  it('has nothing to say of what is run', () => {
    const text = `
artifacts = ["/app/out", "out", { source = "/d", exclude = ["*.log"] }, { source = "/x", destination = "y", service = "main" }]
[agent]
user = "agent"
network_mode = "allowlist"
allowed_hosts = ["a.org"]
[verifier]
environment_mode = "separate"
[verifier.environment]
docker_image = "debian"
[[verifier.collect]]
command = "dump"
[environment]
allow_internet = false
gpus = 1
workdir = "/app"
gpu_types = ["H100"]
skills_dir = "/s"
mcp_servers = [{ name = "x", url = "http://x" }]
[environment.healthcheck]
command = "true"
[[steps]]
name = "a"
[steps.verifier]
environment_mode = "shared"`;
    expect(fields(text)).to.deep.equal([]);
  });

  const refused: [string, string][] = [
    ['environment.os', '[environment]\nos = "windows"'],
    ['environment.tpu', '[environment.tpu]\ntype = "v4"\ntopology = "2x2"'],
  ];
  for (const [field, text] of refused)
    it(`names ${field} of ${JSON.stringify(text)}`, () => {
      expect(fields(text)).to.deep.equal([field]);
    });

  const COMPOSE = 'environment/docker-compose.yaml';
  const partsOf = async (files: Record<string, string>): Promise<string[]> => {
    const dir = await taskFolder({ ...MINIMAL, ...files });
    const parts = unsupportedParts(await readTask(dir)).map(({ field, reason }) => `${field}: ${reason}`);
    await removeTaskFolder(dir);
    return parts;
  };
  const OF_SERVICE = [
    '[[verifier.collect]]\ncommand = "x"\nservice = "db"\n[[artifacts]]\nsource = "/a"\nservice = "db"\n',
    `${TWO.replace('"b"', '"b"\nartifacts = [{ source = "/a", service = "db" }]')}[[steps.verifier.collect]]\ncommand = "x"\nservice = "db"\n`,
  ];
  const STEPS = { 'steps/a/instruction.md': 'Do it.\n', 'steps/b/instruction.md': 'Do it.\n' };

  it('names services that are not there, of the task and of its steps', async () => {
    const why = `names the service db, which ${COMPOSE} has not`;
    const [whole = '', steps = ''] = OF_SERVICE;
    expect(await partsOf({ 'task.toml': whole })).to.deep.equal([
      `verifier.collect: ${why}`,
      `artifacts: ${why}`,
    ]);
    expect(await partsOf({ 'task.toml': steps, ...STEPS })).to.have.members([
      `steps[1].artifacts: ${why}`,
      `steps[1].verifier.collect: ${why}`,
    ]);
  });

  it('has nothing to say of services that are there', async () => {
    for (const text of OF_SERVICE)
      expect(
        await partsOf({ 'task.toml': text, ...STEPS, [COMPOSE]: 'services: { db: { image: postgres } }\n' }),
      ).to.deep.equal([]);
  });

  it('names what of a compose file is not run', async () => {
    expect(await partsOf({ [COMPOSE]: 'services: { db: { image: postgres, pid: host } }\n' })).to.deep.equal([
      `${COMPOSE}: services.db.pid: a container has its own processes and users, and no others; leave it out`,
    ]);
  });
});
