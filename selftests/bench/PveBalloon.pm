# SPDX-License-Identifier: GPL-2.0
#
# The arithmetic of Proxmox VE's automatic ballooning, as a peer in benchmarks:
# what its pvestatd computes every ten seconds, in the same language and with the
# same data structures (a hash per guest), written anew from its constants:
#
#   dead band 10 MiB; at most 100 MiB per guest and round, both ways
#   desired = balloon_min + pool / (sum of shares) * shares,
#   pool = sum of (balloon - balloon_min) + goal
#   comfortable: freemem > 0.25 * balloon_min
#   growing serves the others first, shrinking the comfortable first; when that
#   makes no progress, all guests
#   a guest whose configuration is locked for migration is left alone
#
# selftests/bench/peers/pve.cases has what the real one computes.
#
package PveBalloon;

use strict;
use warnings;

my $dead_band = 10 * 1024 * 1024;
my $max_change = 100 * 1024 * 1024;

# One guest towards what it should have; returns how far it went, and whether it is done.
sub change_one {
	my ($vm, $id, $res, $desired, $bytes) = @_;
	my $d = $vm->{$id};
	my $old = defined($res->{$id}) ? $res->{$id} : $d->{balloon};
	my $new;

	if ($bytes > 0 && $desired > $d->{balloon}) {
		$new = $desired - $d->{balloon} > $max_change
			? $d->{balloon} + $max_change : $desired;
	} elsif ($desired < $d->{balloon}) {
		$new = $d->{balloon} - $desired > $max_change
			? $d->{balloon} - $max_change : $desired;
	} else {
		return (0, 1);
	}
	return (0, 0) if $new == $d->{balloon};
	$res->{$id} = $new;
	return ($new - $old, 0);
}

# Spread bytes over a list of guests by their shares; returns what is left.
sub spread {
	my ($vm, $list, $res, $bytes) = @_;
	my @open = @$list;
	my $rest = $bytes;
	my $again = 1;

	while ($rest != 0 && $again && @open) {
		my ($shares, $pool, $sum, $moved) = (0, 0, 0, 0);
		my @next;

		foreach my $id (@open) {
			my $d = $vm->{$id};
			my $balloon = defined($res->{$id}) ? $res->{$id} : $d->{balloon};
			$pool += $balloon - $d->{balloon_min};
			$shares += $d->{shares};
		}
		$pool += $rest;
		$again = 0;
		foreach my $id (@open) {
			my $d = $vm->{$id};
			my $desired = $d->{balloon_min} + int($pool / $shares * $d->{shares});
			if ($desired > $d->{maxmem}) {
				$desired = $d->{maxmem};
				$again = 1;
			} elsif ($desired < $d->{balloon_min}) {
				$desired = $d->{balloon_min};
				$again = 1;
			}
			my ($change, $done) = change_one($vm, $id, $res, $desired, $bytes);
			push @next, $id if !$done;
			$sum += $change;
			$moved += abs($change);
		}
		last if !$moved;
		$rest -= $sum;
		$again = 1;
		@open = @next;
	}
	return $rest;
}

sub compute {
	my ($vm, $goal) = @_;
	my (@all, @pressed, @comfortable);
	my $res = {};

	foreach my $id (sort { $a <=> $b } keys %$vm) {
		my $d = $vm->{$id};
		next if !$d->{balloon} || !$d->{balloon_min} || !$d->{shares};
		next if ($d->{lock} // '') eq 'migrate';
		push @all, $id;
		if ($d->{freemem} && $d->{freemem} > $d->{balloon_min} * 0.25
		    && $d->{balloon} >= $d->{balloon_min}) {
			push @comfortable, $id;
		} else {
			push @pressed, $id;
		}
	}
	if ($goal > $dead_band) {
		my $rest = spread($vm, \@pressed, $res, $goal);
		spread($vm, \@all, $res, $rest) if $rest >= $goal;
	} elsif ($goal < -$dead_band) {
		my $rest = spread($vm, \@comfortable, $res, $goal);
		spread($vm, \@all, $res, $rest) if $rest <= $goal;
	}
	return $res;
}

1;
