/** A budget on a real API server: what a researcher with every right in their namespace cannot do to it, and what the operator does for it. */
import { expect } from 'chai';
import { LEDGER } from '../../src/crds/names.ts';
import { COST_TAG, MONTHLY_BUDGET, USER_ID } from '../../src/crds/namespace-rules.ts';
import { readAccounts } from '../../src/budget/stored.ts';
import { OPERATOR } from '../../src/installation/names.ts';
import { dropNamespace, kubectl, kubectlOk, makeNamespace, needCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { API_VERSION, dryRun, may, podOf, refuses } from './support/admission.ts';

const RESEARCHER = 'ada';
const WHOSE = 'for those who may update every Namespace';

const aSandbox = (namespace: string) => ({
  apiVersion: API_VERSION,
  kind: 'Sandbox',
  metadata: { name: 'box', namespace },
  spec: { image: 'debian:bookworm-slim', ttlSeconds: 600 },
});

describe('a namespace with a budget', function () {
  this.timeout(180_000);
  let namespace = '';

  const budget = (dollars: string): Promise<string> =>
    kubectlOk(['label', 'namespace', namespace, '--overwrite', `${MONTHLY_BUDGET}=${dollars}`]);

  before(async function () {
    await needCluster(this);
    namespace = await makeNamespace('budget');
    await budget('0');
    await kubectlOk(['label', 'namespace', namespace, `${USER_ID}=${RESEARCHER}`]);
    const role = ['create', 'role', 'everything', '--verb=*', '--resource=*.*'];
    await kubectlOk([...role, '-n', namespace]);
    const binding = ['create', 'rolebinding', RESEARCHER, '--role=everything', `--user=${RESEARCHER}`];
    await kubectlOk([...binding, '-n', namespace]);
  });
  after(async () => {
    if (namespace) await dropNamespace(namespace);
  });

  const asResearcher = (...args: string[]) => kubectl([...args, `--as=${RESEARCHER}`]);

  it('has a researcher with every verb neither raise nor remove it', async () => {
    // RBAC lets them: to it a Namespace is in itself.
    expect(await may(RESEARCHER, 'update namespaces', namespace)).to.equal(true);
    for (const change of [`${MONTHLY_BUDGET}=9999`, `${MONTHLY_BUDGET}-`])
      refuses(await asResearcher('label', 'namespace', namespace, '--overwrite', change), WHOSE);
    refuses(await asResearcher('get', 'configmap', LEDGER, '-n', OPERATOR.namespace), 'forbidden');
    refuses(await asResearcher('delete', 'configmap', LEDGER, '-n', OPERATOR.namespace), 'forbidden');
    expect(await may(RESEARCHER, 'create pods', namespace)).to.equal(true);
  });

  it('takes no Pod that nobody counts, from whoever it comes', async () => {
    refuses(await dryRun(podOf(namespace, {}), RESEARCHER), 'the namespace has a budget');
    const jobController = 'system:serviceaccount:kube-system:job-controller';
    refuses(await dryRun(podOf(namespace, {}), jobController), 'the namespace has a budget');
  });

  it('has a Trial wait while the budget is spent, with the numbers, and run once it is raised', async () => {
    await kubectlOk(['apply', '-n', namespace, '-f', 'config/samples/trial.yaml']);
    const condition = `{.status.conditions[?(@.type=="Succeeded")]['reason','message']}`;
    const said = await eventually('the Trial waits for its budget', async () => {
      const { stdout } = await kubectl([
        'get',
        'trial',
        'hello',
        '-n',
        namespace,
        '-o',
        `jsonpath=${condition}`,
      ]);
      return stdout.startsWith('BudgetExceeded') ? stdout : undefined;
    });
    expect(said).to.match(/\$0\.00 of the namespace’s budget of \$0\.00 for \d{4}-\d\d is spent/);
    expect(await kubectlOk(['get', 'jobs', '-n', namespace, '-o', 'name'])).to.equal('');
    const events = ['get', 'events', '-n', namespace, '--field-selector', 'reason=BudgetExceeded'];
    await eventually('the event is there', async () =>
      (await kubectlOk([...events, '-o', 'name'])) === '' ? undefined : true,
    );
    await budget('5');
    await kubectlOk(['wait', '-n', namespace, '--for=condition=Succeeded', 'trial/hello', '--timeout=120s']);
  });

  it('counts what the Trial took, and refuses to change its Pod while it runs', async () => {
    const spent = await eventually('the Trial is paid', async () => {
      const data = JSON.parse(
        await kubectlOk(['get', 'configmap', LEDGER, '-n', OPERATOR.namespace, '-o', 'jsonpath={.data}']),
      ) as Record<string, string>;
      const account = readAccounts(data).get(namespace);
      return account && account.spent > 0 && Object.keys(account.holds).length === 0
        ? account.spent
        : undefined;
    });
    // Some seconds of half a CPU: a few millionths of a dollar each.
    expect(spent).to.be.within(1, 10_000);
  });

  it('has the status, the size and the cost tag of a Pod written by the cluster alone', async () => {
    await kubectlOk(['create', '-f', '-'], aSandbox(namespace));
    const pod = await eventually('the Sandbox has a Pod', async () => {
      const { stdout } = await kubectl([
        'get',
        'pods',
        '-n',
        namespace,
        '-l',
        'sb.abundant.ai/sandbox',
        '-o',
        'name',
      ]);
      return stdout.trim() || undefined;
    });
    const tag = ['get', pod, '-n', namespace, '-o', `jsonpath={.metadata.labels.${COST_TAG}}`];
    expect(await kubectlOk(tag)).to.equal(RESEARCHER);
    refuses(
      await asResearcher('label', pod, '-n', namespace, '--overwrite', `${COST_TAG}=eve`),
      'cannot be changed',
    );
    const patch = (subresource: string, body: string, type = 'merge') =>
      asResearcher(
        'patch',
        pod,
        '-n',
        namespace,
        `--subresource=${subresource}`,
        `--type=${type}`,
        '-p',
        body,
      );
    refuses(await patch('status', '{"status":{"phase":"Succeeded"}}'), 'for the cluster itself to write');
    const containers = '[{"name":"task","resources":{"requests":{"cpu":"900m"},"limits":{"cpu":"900m"}}}]';
    refuses(
      await patch('resize', `{"spec":{"containers":${containers}}}`, 'strategic'),
      'a Pod stays as large as it was made',
    );
  });

  it('keeps the cost tag without a budget, too, and takes any other Pod', async () => {
    await kubectlOk(['label', 'namespace', namespace, `${MONTHLY_BUDGET}-`]);
    await eventually('other Pods are taken', async () => {
      const { code } = await dryRun(podOf(namespace, {}), RESEARCHER);
      return code === 0 || undefined;
    });
    refuses(
      await dryRun(podOf(namespace, { labels: { [COST_TAG]: 'eve' } }), RESEARCHER),
      'says whose its costs are',
    );
  });
});
