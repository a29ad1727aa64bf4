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
    ['steps[1].artifacts', `${TWO}artifacts = [{ source = "/a", service = "db" }]`],
    ['verifier.collect', '[[verifier.collect]]\ncommand = "x"\nservice = "db"'],
    ['environment.os', '[environment]\nos = "windows"'],
    ['environment.tpu', '[environment.tpu]\ntype = "v4"\ntopology = "2x2"'],
    ['artifacts', '[[artifacts]]\nsource = "/a"\nservice = "db"'],
  ];
  for (const [field, text] of refused)
    it(`names ${field} of ${JSON.stringify(text)}`, () => {
      expect(fields(text)).to.deep.equal([field]);
    });

  it('names services of steps', () => {
    const text =
      '[[steps]]\nname = "a"\nartifacts = [{ source = "/a", service = "db" }]\n[[steps.verifier.collect]]\ncommand = "x"\nservice = "db"';
    expect(fields(text)).to.include.members(['steps[0].artifacts', 'steps[0].verifier.collect']);
  });

  it('names Compose files', async () => {
    const { 'environment/Dockerfile': _, ...rest } = MINIMAL;
    const path = 'environment/docker-compose.yaml';
    const dir = await taskFolder({ ...rest, [path]: 'services: {}\n' });
    expect(unsupportedParts(await readTask(dir)).map(({ field }) => field)).to.deep.equal([path]);
    await removeTaskFolder(dir);
  });
});
