/** Attacks on rewards that tests of other parts try. */

export interface TriedElsewhere {
  what: string;
  outcome: string;
  file: string;
  title: string;
}

export const TRIED_ELSEWHERE: TriedElsewhere[] = [
  {
    what: 'writes the reward between the verifier’s end and its reading',
    outcome: 'everybody is ended first',
    file: 'src/courier/scenarios/hostile-ground.test.ts',
    title: 'does not go on beside the reading of the reward, however fast the verifier forks',
  },
  {
    what: 'moves a folder of its own in place of the verifier’s, again and again',
    outcome: 'refused',
    file: 'src/courier/scenarios/hostile-ground.test.ts',
    title: 'cannot put a folder of its own in place of the verifier’s logs',
  },
  {
    what: 'leads root’s pen through a link in place of an output',
    outcome: 'refused',
    file: 'src/courier/scenarios/hostile-ground.test.ts',
    title: 'cannot lead root’s pen through a link in place of the verifier’s output',
  },
  {
    what: 'leaves processes running, where the Trial says `backgroundProcesses: Stop`',
    outcome: 'they are ended before the tests appear; Clean',
    file: 'src/courier/scenarios/hostile-ground.test.ts',
    title: 'is ended before the tests appear where the Trial says so',
  },
  {
    what: 'kills the verifier before it has left a reward',
    outcome: '0, VerifierObstructed',
    file: 'src/courier/scenarios/hostile-fault.test.ts',
    title: 'is reward 0 where what it left running kills the verifier',
  },
  {
    what: 'buys another attempt: removes what the verifier needs',
    outcome: '0, VerifierObstructed, one attempt',
    file: 'src/courier/scenarios/hostile-fault.test.ts',
    title: 'is reward 0, and no fault of task or infrastructure, where nothing can run test.sh any more',
  },
  {
    what: 'buys another attempt: obstructs the tests in a cluster',
    outcome: 'verified, or 0; one attempt',
    file: 'test/e2e/hostile-verifier.test.ts',
    title: 'does not obstruct the tests, nor earn another attempt',
  },
  {
    what: 'buys another attempt: makes files that would have one key',
    outcome: 'each is stored once; one attempt',
    file: 'test/e2e/hostile-results.test.ts',
    title: 'costs no reward and no attempt where two files would have had one key, and each is stored once',
  },
  {
    what: 'forges what its program writes: no usage, and an overloaded model, where the courier calls the model',
    outcome: '0, one attempt; usage and errors of the model are what the courier saw',
    file: 'src/courier/scenarios/hostile-model.test.ts',
    title: 'has used and met what the courier saw, where the courier calls the model',
  },
  {
    what: 'forges the same where it calls the model itself',
    outcome: '0, one attempt; counted as a failure of the model, with the usage that it claims',
    file: 'src/courier/scenarios/hostile-model.test.ts',
    title: 'is counted apart, at reward 0 and without another attempt, where it calls the model itself',
  },
  {
    what: 'takes every process that the Pod may have',
    outcome: 'verified; Suspicious: ProcessLimitReached',
    file: 'src/courier/scenarios/hostile-fault.test.ts',
    title: 'is verified after it has taken every process that the Pod may have',
  },
  {
    what: 'leaves links, devices, FIFOs and holes among its artifacts',
    outcome: 'left out, each recorded',
    file: 'src/courier/results/crossing.test.ts',
    title: 'follows no link, opens nothing but files, and keeps only links that stay inside',
  },
  {
    what: 'brings tests or rewards to a separate verifier as artifacts',
    outcome: 'left out',
    file: 'src/courier/scenarios/separate-verifier.test.ts',
    title: 'has no place among what it judges for tests and rewards that an agent brings as an artifact',
  },
  {
    what: 'brings files among the programs of a separate verifier, where the task declares them',
    outcome: 'they lie there; Unknown: ArtifactsAmongPrograms',
    file: 'src/courier/scenarios/separate-verifier.test.ts',
    title: 'is told of artifacts that lie among its programs',
  },
  {
    what: 'outlives its own container for a separate verifier',
    outcome: 'not there',
    file: 'test/e2e/separate-verifier.test.ts',
    title: 'is not reached by an agent that lives on, and runs after the agent’s container has ended',
  },
  {
    what: 'posts what it reads of the tests to the outside',
    outcome:
      'as another user it reads nothing; a network that the task restricts is restricted for what lives on, too',
    file: 'test/e2e/network.test.ts',
    title:
      'that is public has the internet, names, the store and the broker, and nothing else of the cluster',
  },
  {
    what: 'reads or writes the memory of the first process, which hands over tests and secrets',
    outcome: 'refused by the kernel',
    file: 'src/courier/hand/sbd/hostile.test.ts',
    title: 'cannot take over its first process as',
  },
];
