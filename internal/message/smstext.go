package message

import (
	"slices"
	"strings"
)

// replacement is a row of the table of what an SMS has in place of characters that CP949 lacks.
type replacement struct {
	// from are the characters, each of which becomes to; or they are those from first to last.
	from        string
	first, last rune
	to          string
	// reason says why a reader loses nothing by it.
	reason string
}

func replacements() []replacement {
	const (
		wide    = "CP949 has the same sign in its full width only"
		dash    = "a dash of another length"
		space   = "a space of another width, or one at which no line breaks"
		unseen  = "cannot be seen: it says where a line may break, in which direction to write, or in which style to show a character"
		quote   = "the same mark in another shape"
		accent  = "the letter without its accent, as passports and domain names have it"
		accents = "an accent that is a character of its own"
	)
	return []replacement{
		{from: "₩", to: "￦", reason: wide},
		{from: "£", to: "￡", reason: wide},
		{from: "¥", to: "￥", reason: wide},
		{from: "¢", to: "￠", reason: wide},
		{from: "¬", to: "￢", reason: wide},
		{from: "¯", to: "￣", reason: wide},
		{from: "\u2010\u2011\u2012\u2013\u2212\u2043\ufe58\ufe63", to: "-", reason: dash},
		{from: "\u2014\u2e3a\u2e3b", to: "―", reason: dash},
		{from: "\u301c\u3030", to: "~", reason: dash},
		{from: "\u00a0\u1680\u202f\u205f", to: " ", reason: space},
		{first: 0x2000, last: 0x200a, to: " ", reason: space},
		{from: "\u00ad\u034f\u061c\u180e\ufeff", to: "", reason: unseen},
		{first: 0x200b, last: 0x200f, to: "", reason: unseen},
		{first: 0x202a, last: 0x202e, to: "", reason: unseen},
		{first: 0x2060, last: 0x2064, to: "", reason: unseen},
		{first: 0x2066, last: 0x2069, to: "", reason: unseen},
		{first: 0xfe00, last: 0xfe0f, to: "", reason: unseen},
		{from: "\u201a", to: ",", reason: quote},
		{from: "\u2018\u2019\u201b\u02bc\u02b9", to: "'", reason: quote},
		{from: "\u201c\u201d\u201e\u201f", to: `"`, reason: quote},
		{from: "«", to: "《", reason: quote},
		{from: "»", to: "》", reason: quote},
		{from: "‹", to: "〈", reason: quote},
		{from: "›", to: "〉", reason: quote},
		{from: "•∙‧・･", to: "·", reason: quote},
		{from: "⋯", to: "…", reason: quote},
		{from: "¦", to: "|", reason: quote},
		{first: 0x0300, last: 0x036f, to: "", reason: accents},
		{from: "ÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶ", to: "A", reason: accent},
		{from: "ḂḄḆ", to: "B", reason: accent},
		{from: "ÇĆĈĊČḈ", to: "C", reason: accent},
		{from: "ĎḊḌḎḐḒ", to: "D", reason: accent},
		{from: "ÈÉÊËĒĔĖĘĚȄȆȨḔḖḘḚḜẸẺẼẾỀỂỄỆ", to: "E", reason: accent},
		{from: "Ḟ", to: "F", reason: accent},
		{from: "ĜĞĠĢǦǴḠ", to: "G", reason: accent},
		{from: "ĤȞḢḤḦḨḪ", to: "H", reason: accent},
		{from: "ÌÍÎÏĨĪĬĮİǏȈȊḬḮỈỊ", to: "I", reason: accent},
		{from: "Ĵ", to: "J", reason: accent},
		{from: "ĶǨḰḲḴ", to: "K", reason: accent},
		{from: "ĹĻĽḶḸḺḼ", to: "L", reason: accent},
		{from: "ḾṀṂ", to: "M", reason: accent},
		{from: "ÑŃŅŇǸṄṆṈṊ", to: "N", reason: accent},
		{from: "ÒÓÔÕÖŌŎŐƠǑǪǬȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ", to: "O", reason: accent},
		{from: "ṔṖ", to: "P", reason: accent},
		{from: "ŔŖŘȐȒṘṚṜṞ", to: "R", reason: accent},
		{from: "ŚŜŞŠȘṠṢṤṦṨ", to: "S", reason: accent},
		{from: "ŢŤȚṪṬṮṰ", to: "T", reason: accent},
		{from: "ÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖṲṴṶṸṺỤỦỨỪỬỮỰ", to: "U", reason: accent},
		{from: "ṼṾ", to: "V", reason: accent},
		{from: "ŴẀẂẄẆẈ", to: "W", reason: accent},
		{from: "ẊẌ", to: "X", reason: accent},
		{from: "ÝŶŸȲẎỲỴỶỸ", to: "Y", reason: accent},
		{from: "ŹŻŽẐẒẔ", to: "Z", reason: accent},
		{from: "àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ", to: "a", reason: accent},
		{from: "ḃḅḇ", to: "b", reason: accent},
		{from: "çćĉċčḉ", to: "c", reason: accent},
		{from: "ďḋḍḏḑḓ", to: "d", reason: accent},
		{from: "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ", to: "e", reason: accent},
		{from: "ḟ", to: "f", reason: accent},
		{from: "ĝğġģǧǵḡ", to: "g", reason: accent},
		{from: "ĥȟḣḥḧḩḫẖ", to: "h", reason: accent},
		{from: "ìíîïĩīĭįǐȉȋḭḯỉị", to: "i", reason: accent},
		{from: "ĵǰ", to: "j", reason: accent},
		{from: "ķǩḱḳḵ", to: "k", reason: accent},
		{from: "ĺļľḷḹḻḽ", to: "l", reason: accent},
		{from: "ḿṁṃ", to: "m", reason: accent},
		{from: "ñńņňǹṅṇṉṋ", to: "n", reason: accent},
		{from: "òóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ", to: "o", reason: accent},
		{from: "ṕṗ", to: "p", reason: accent},
		{from: "ŕŗřȑȓṙṛṝṟ", to: "r", reason: accent},
		{from: "śŝşšșṡṣṥṧṩ", to: "s", reason: accent},
		{from: "ţťțṫṭṯṱẗ", to: "t", reason: accent},
		{from: "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự", to: "u", reason: accent},
		{from: "ṽṿ", to: "v", reason: accent},
		{from: "ŵẁẃẅẇẉẘ", to: "w", reason: accent},
		{from: "ẋẍ", to: "x", reason: accent},
		{from: "ýÿŷȳẏẙỳỵỷỹ", to: "y", reason: accent},
		{from: "źżžẑẓẕ", to: "z", reason: accent},
	}
}

// equivalent is what an SMS has for a character that CP949 lacks.
func equivalent(table []replacement, r rune) (to string, ok bool) {
	for _, row := range table {
		if row.first <= r && r <= row.last || strings.ContainsRune(row.from, r) {
			return row.to, true
		}
	}
	return "", false
}

// SMSText is a text as it is sent by SMS: what CP949 lacks is replaced where there is a faithful equivalent, and a line break
// is one line feed. Whoever sends an SMS, and whoever looks for one in the history, has its text from here. An AlimTalk
// keeps its Unicode.
func SMSText(text string) string {
	if strings.IndexByte(text, '\r') >= 0 {
		text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	}
	bad := Unencodable(text)
	if len(bad) == 0 {
		return text
	}
	table := replacements()
	var b strings.Builder
	i := 0
	for _, r := range text {
		lacking := len(bad) > 0 && bad[0].Index == i
		if lacking {
			bad = bad[1:]
		}
		if to, ok := equivalent(table, r); ok && lacking {
			b.WriteString(to)
		} else {
			b.WriteRune(r)
		}
		i++
	}
	return b.String()
}

// Unsendable lists the characters of a text that no SMS can carry, and for which SMSText has nothing either.
func Unsendable(text string) []BadRune {
	bad := Unencodable(text)
	if len(bad) == 0 {
		return nil
	}
	table := replacements()
	return slices.DeleteFunc(bad, func(r BadRune) bool { _, ok := equivalent(table, r.Rune); return ok })
}
