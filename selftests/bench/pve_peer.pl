#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Proxmox VE's arithmetic (PveBalloon.pm) over monitor sockets, as a peer in
# benchmarks. A connection each stays open, it asks two questions a guest and
# picks answers out of the text, so that the peer spends less than pvestatd,
# which connects for each exchange, asks seven and reads JSON.
#
# usage: pve_peer.pl FOLDER PROC MIN
# FOLDER has the sockets, PROC/meminfo is the host's, MIN a share of max. Each
# line on stdin is a round: it prints "CPU_NS COMMANDS", CPU time of the round.
# "release" lets the sockets go.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::UNIX;
use PveBalloon;
use Time::HiRes qw(clock_gettime CLOCK_PROCESS_CPUTIME_ID);

my ($folder, $proc, $min) = @ARGV;
die "usage: pve_peer.pl FOLDER PROC MIN\n" if !$min;
$| = 1;

my %vm;

# The next answer; events in between are left out.
sub answer {
	my ($d) = @_;
	while (1) {
		while ($d->{text} =~ s/^(.*)\r?\n//) {
			my $line = $1;
			return $line if $line =~ /"return"|"error"/;
		}
		sysread($d->{sock}, $d->{text}, 65536, length($d->{text})) or die "pve_peer.pl: $d->{path}: gone\n";
	}
}

sub ask {
	my ($d, $text) = @_;
	syswrite($d->{sock}, "$text\n") // die "pve_peer.pl: $d->{path}: $!\n";
}

sub open_all {
	my $id = 100;
	foreach my $path (sort glob("$folder/*.sock")) {
		my $d = { path => $path, text => '', shares => 1000 };
		$d->{sock} = IO::Socket::UNIX->new($path) // die "pve_peer.pl: $path: $!\n";
		ask($d, '{"execute":"qmp_capabilities"}');
		answer($d);
		ask($d, '{"execute":"query-memory-size-summary"}');
		($d->{maxmem}) = answer($d) =~ /"base-memory": (\d+)/;
		ask($d, '{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}');
		my ($name) = answer($d) =~ /"name": "([^"]+)", "type": "child<virtio-balloon/;
		die "pve_peer.pl: $path: no balloon\n" if !defined($name);
		$d->{qom} = "/machine/peripheral/$name";
		$d->{balloon_min} = int($d->{maxmem} * $min);
		ask($d, qq({"execute":"qom-set","arguments":{"path":"$d->{qom}","property":"guest-stats-polling-interval","value":2}}));
		answer($d);
		$vm{$id++} = $d;
	}
	die "pve_peer.pl: $folder: no sockets\n" if !%vm;
}

sub host_goal {
	my %mem;
	open(my $in, '<', "$proc/meminfo") or die "pve_peer.pl: $proc/meminfo: $!\n";
	while (<$in>) { $mem{$1} = $2 * 1024 if /^(\w+):\s+(\d+)/ }
	close($in);
	return int($mem{MemTotal} * 80 / 100 - ($mem{MemTotal} - $mem{MemAvailable}));
}

sub round {
	foreach my $d (values %vm) {
		ask($d, '{"execute":"query-balloon"}');
		ask($d, qq({"execute":"qom-get","arguments":{"path":"$d->{qom}","property":"guest-stats"}}));
	}
	foreach my $d (values %vm) {
		($d->{balloon}) = answer($d) =~ /"actual": (\d+)/;
		($d->{freemem}) = answer($d) =~ /"stat-free-memory": (\d+)/;
		$d->{freemem} = undef if ($d->{freemem} // 0) > 2**60;
	}
	my $res = PveBalloon::compute(\%vm, host_goal());
	foreach my $id (keys %$res) {
		ask($vm{$id}, qq({"execute":"balloon","arguments":{"value":$res->{$id}}}));
	}
	answer($vm{$_}) foreach keys %$res;
	return scalar(keys %$res);
}

while (my $line = <STDIN>) {
	if ($line =~ /^release/) {
		%vm = ();
		print "0 0\n";
		next;
	}
	open_all() if !%vm;
	my $start = clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
	my $commands = round();
	printf("%.0f %d\n", (clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $start) * 1e9, $commands);
}
