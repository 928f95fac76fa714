package cost

import (
	"math"
	"slices"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/statemachine"
)

// What the table of sends and records is asked, in request units; internal/guard and internal/records say what its items are.
// That a template was used is noted once a day by each environment of the function that counts, whatever it counts, and is not in
// the figures. A write takes a unit for each KB of the item, also to delete it, and a consistent read one for each 4 KB, also of an item
// that is not there.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const (
	// guardBytes is the guard of a message without its recipients, digestBytes what each of these adds. What else there is,
	// listings and claims, has less than a unit of writing.
	guardBytes, digestBytes = 180, 8
	writeUnit, readUnit     = 1 << 10, 4 << 10
	// recordBytes is the record of a message to one recipient, and recipientBytes what each of the others adds to it: their
	// results are much alike, and deflated. The places of a message in lists and under numbers have less than a unit.
	recordBytes, recipientBytes = 700, 15
	// places are the lists in which every message stands: everybody's and its caller's.
	places = 2
	// listings is over how many keys the open sends are spread: a look-up reads them all.
	listings = 8
	// tableSeconds is one call, of which DynamoDB says that it takes milliseconds.
	tableSeconds = 0.01
)

// table is what calls of the table use in a function that runs anyway.
func table(calls, writes, reads float64) Usage {
	var u Usage
	u[price.Compute] = calls * tableSeconds * memory
	u[price.TableWrites], u[price.TableReads] = writes, reads
	return u
}

// guardWrites and guardReads are the units of a guard of a message to n recipients.
func guardWrites(n float64) float64 { return math.Ceil((guardBytes + n*digestBytes) / writeUnit) }
func guardReads(n float64) float64  { return math.Ceil((guardBytes + n*digestBytes) / readUnit) }

// tableAnswered is a send that Aligo accepts: listing, guard, claim, and the deletion of the listing.
func tableAnswered(n float64) Usage { return table(4, 3+guardWrites(n), 0) }

// tableRefused is one that Aligo has surely not got: listing, guard, the guard once more to close it, and the deletion.
func tableRefused(n float64) Usage { return table(4, 2+2*guardWrites(n), 0) }

// tableDoubted is one of which nobody knows: listing and guard, which stay.
func tableDoubted(n float64) Usage { return table(2, 1+guardWrites(n), 0) }

// tableRaised makes the attempts of before final after a refusal, tableNotFound after a look-up, which also deletes the listing.
func tableRaised(n float64) Usage   { return table(1, guardWrites(n), 0) }
func tableNotFound(n float64) Usage { return table(2, 1+guardWrites(n), 0) }

// tableLook is the guard, which says what to look for in Aligo's history.
func tableLook(n float64) Usage { return table(1, 0, guardReads(n)) }

// tableFound is a call that the history has: whose it is, the open sends, the claim, and the deletion of the listing.
func tableFound() Usage { return table(3+listings, 2, 1+listings) }

// tableOwns is whether a call that was found is still the message's, which is asked before its receipts are read.
func tableOwns() Usage { return table(1, 0, 1) }

// GuardUsage is what a message that takes the path uses of the table to be sent once only.
func (p Path) GuardUsage(recipients int) Usage { return p.tableUsage(float64(recipients)) }

// tableUsage is what a path uses of the table.
func (p Path) tableUsage(n float64) Usage {
	var u Usage
	found := false
	next := func(i int) string {
		if i < len(p.States) {
			return p.States[i]
		}
		return ""
	}
	for i, s := range p.States {
		switch s {
		case sendAlimTalk, sendSMS:
			found = false
			switch {
			case next(i+1) == wait:
				u = u.Plus(tableAnswered(n))
			case next(i+1) == reconcile && p.Lookups > 0:
				u = u.Plus(tableDoubted(n))
			default:
				u = u.Plus(tableRefused(n))
			}
		case reconcile:
			after := next(i + 2) // behind Settled?
			switch {
			case p.Lookups == 0:
				u = u.Plus(tableRaised(n))
				continue
			case after == wait:
				u, found = u.Plus(tableFound()), true
			case after != lookAgain:
				u = u.Plus(tableNotFound(n))
			}
			u = u.Plus(tableLook(n))
		case read:
			if found {
				u = u.Plus(tableOwns())
			}
		}
	}
	return u.Plus(tableRefused(n).Times(float64(p.Retries)))
}

// recordWrites are the units of a record of a message to n recipients.
func recordWrites(n float64) float64 {
	return math.Ceil((recordBytes + (n-1)*recipientBytes) / writeUnit)
}

// recordAccepted is the record that the door writes, and the places of the message in the lists.
func recordAccepted(n float64) Usage { return table(2, places+recordWrites(n), 0) }

// Accepted is what the door uses of the table.
func Accepted(recipients int) Usage { return recordAccepted(float64(recipients)) }

// recordTold is the record that a task writes, or the function that hears of the outcome.
func recordTold(n float64) Usage { return table(1, recordWrites(n), 0) }

// recordNumbers is what the first task writes besides: an item for each number, which it looks up whether it was erased.
func recordNumbers(n float64) Usage { return table(math.Ceil(n/25)+math.Ceil(n/100), n, n) }

// recordRead is a request for a message's status.
func recordRead() Usage { return table(1, 0, 1) }

// recordUsage is what a path writes of records. Each task writes once, whether it goes on or parks the message; one that
// Aligo was not reached by writes nothing.
func (p Path) recordUsage(n float64) Usage {
	u, tasks := recordNumbers(n), deployment.Tasks()
	if slices.Contains(p.States, statemachine.StateWaitUntilSendTime) {
		u = u.Plus(recordNumbers(n)) // by the door, too
	}
	for i, s := range p.States {
		// A send that is in doubt has told nobody.
		doubted := (s == sendAlimTalk || s == sendSMS) && i+1 < len(p.States) && p.States[i+1] == reconcile && p.Lookups > 0
		if tasks[s] != "" && !doubted {
			u = u.Plus(recordTold(n))
		}
	}
	return u.Plus(recordTold(n)).Plus(recordSwept(n)) // the outcome that was announced
}

// recordSwept is the look that a sweep has at a record. It takes a hundred at once, and need not see the newest.
func recordSwept(n float64) Usage {
	return table(0.01, 0, math.Ceil((recordBytes+(n-1)*recipientBytes)/readUnit)/2)
}
