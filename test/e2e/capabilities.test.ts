import { expect } from 'chai';
import { storedText } from './support/stored.ts';
import { trial } from './support/stories.ts';

/** Each line says `<what> ok` where it works. */
const TRIES = `
export DEBIAN_FRONTEND=noninteractive
(apt-get update && apt-get install -y --no-install-recommends sudo openssh-server openssh-client iputils-ping libcap2-bin busybox-static) > /tmp/apt.txt 2>&1 && echo apt ok
useradd -m bob && echo 'bob ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/bob
[ "$(su bob -c 'sudo id -u')" = 0 ] && echo sudo ok
su - bob -c true && echo su ok
mkdir -p /run/sshd /root/.ssh /home/bob/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id
cp /root/.ssh/id.pub /home/bob/.ssh/authorized_keys && chown -R bob /home/bob/.ssh && chmod 700 /home/bob/.ssh
/usr/sbin/sshd && sleep 1
[ "$(ssh -n -o StrictHostKeyChecking=no -i /root/.ssh/id bob@127.0.0.1 id -un 2> /dev/null)" = bob ] && echo sshd ok
mkdir -p /jail/bin && cp /bin/busybox /jail/bin/sh && chroot /jail /bin/sh -c 'echo chroot ok'
cp /bin/true /tmp/capable && setcap cap_net_bind_service+ep /tmp/capable && /tmp/capable && echo setcap ok
ping -c 1 127.0.0.1 > /dev/null && echo ping ok
su bob -c 'ping -c 1 127.0.0.1' > /dev/null && echo ping as a user ok
setcap -r /usr/bin/ping && su bob -c 'ping -c 1 127.0.0.1' > /dev/null && echo ping without capabilities ok
su bob -c '/bin/busybox httpd -p 80 -h /tmp' && echo port 80 ok
mknod /tmp/device c 1 3 2> /dev/null || echo no device nodes
`;

describe('what a task may do, as under Docker', () => {
  const story = trial('capabilities', { agent: `(${TRIES}) > /logs/artifacts/tries.txt 2>&1` });

  it('is all of it but making device nodes', async () => {
    const done = await story.earns(1);
    const said = (await storedText(done, 'output/tries.txt')).trim().split('\n');
    expect(said).to.deep.equal([
      'apt ok',
      'sudo ok',
      'su ok',
      'sshd ok',
      'chroot ok',
      'setcap ok',
      'ping ok',
      'ping as a user ok',
      'ping without capabilities ok',
      'port 80 ok',
      'no device nodes',
    ]);
  });
});

describe('a task without privilege escalation', () => {
  const story = trial('no-new-privileges', {
    agent: `(
      grep NoNewPrivs: /proc/self/status
      id -u
      echo read > /root/secret && chmod 600 /root/secret && cp /bin/cat /tmp/cat && chmod 4755 /tmp/cat
      setpriv --reuid 1000 --clear-groups /tmp/cat /root/secret || echo refused
    ) > /logs/artifacts/tries.txt`,
    spec: { environment: { allowPrivilegeEscalation: false } },
  });

  it('starts as root, and gains nothing by a setuid program of root', async () => {
    const done = await story.earns(1);
    const said = (await storedText(done, 'output/tries.txt')).trim().split(/\s+/);
    expect(said).to.deep.equal(['NoNewPrivs:', '1', '0', 'refused']);
  });
});
