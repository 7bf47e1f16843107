#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# What a round of Proxmox VE's arithmetic costs, see PveBalloon.pm.
#
# usage: pve_balloon.pl FILE ROUNDS
# FILE has a line per guest: balloon balloon_min maxmem shares freemem (bytes).
# Prints the CPU time of a round in ns, growing and shrinking by turns.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PveBalloon;
use Time::HiRes qw(clock_gettime CLOCK_PROCESS_CPUTIME_ID);

my ($file, $rounds) = @ARGV;
die "usage: pve_balloon.pl FILE ROUNDS\n" if !$rounds;

my $vm = {};
my $id = 100;
open(my $in, '<', $file) or die "pve_balloon.pl: $file: $!\n";
while (my $line = <$in>) {
	my $d = {};
	@$d{qw(balloon balloon_min maxmem shares freemem)} = map { $_ + 0 } split(' ', $line);
	$vm->{$id++} = $d;
}
close($in);
die "pve_balloon.pl: $file: no guests\n" if !%$vm;

my $goal = 50 * 1024 * 1024 * scalar(keys %$vm);
my $moved = 0;
my $start = clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
for (my $i = 0; $i < $rounds; $i++) {
	$moved += scalar(keys %{ PveBalloon::compute($vm, $i % 2 ? $goal : -$goal) });
}
my $ns = (clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $start) * 1e9 / $rounds;
die "pve_balloon.pl: nothing moved\n" if !$moved;
printf("%.0f\n", $ns);
