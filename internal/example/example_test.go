package example_test

import (
	"regexp"
	"strings"
	"testing"

	"sms-api/internal/example"
)

// What templates usually ask for gets a value that a person would put there.
func TestValueFitsTheName(t *testing.T) {
	t.Parallel()
	const (
		person = `^(홍길동|김하늘|길동이)$`
		date   = `^\d{4}년 \d{1,2}월 \d{1,2}일$`
		moment = `^\d{4}년 \d{1,2}월 \d{1,2}일 오(전|후) \d{1,2}시$`
		clock  = `^오(전|후) \d{1,2}시$`
		money  = `^\d{1,3}(,\d{3})+$`
		phone  = `^0\d{1,2}-\d{3,4}-\d{4}$`
		thing  = `^면 티셔츠`
		key    = `^[A-Z0-9-]*\d[A-Z0-9-]*$`
		place  = `^(마실상점|서울)`
		words  = `\.$`
	)
	for pattern, names := range map[string]string{
		person: "이름 고객명 고객_이름 회원명 성함 받는분 수령인 주문자 구매자명 신청자 예금주 입금자명 환자명 학생이름 보호자 예약자명 담당자 담당자명 " +
			"배송기사 상담사 선생님 닉네임 name customerName user_name recipient",
		date: "날짜 예약일 주문일자 결제일 배송예정일 도착예정일 납부기한 만료일 시작일 종료일 소멸예정일 방문일 진료일 신청일 생일 date due_date expiryDate " +
			"쿠폰만료일 최종납부일",
		moment: "일시 예약일시 방문일시 결제일시 예약시간 createdAt",
		clock:  "시간 시작시간 영업시간 도착예정시간 time",
		money:  "금액 결제금액 총결제금액 가격 배송비 환불금액 미납금액 합계 이용료 포인트 적립금 amount total_price 이번달청구금액",
		phone:  "전화번호 연락처 휴대폰번호 담당자연락처 고객센터 대표번호 phone mobile_number",
		thing:  "상품명 제품명 주문상품 상품 품목 메뉴 product item_name",
		key: "주문번호 예약번호 송장번호 운송장번호 접수번호 회원번호 인증번호 계좌번호 가상계좌번호 쿠폰번호 대기번호 우편번호 orderNo order_id trackingNumber " +
			"otp 수량 번호",
		place: "주소 배송지 장소 매장명 지점명 방문장소 회사명 업체명 쇼핑몰명 병원명 store company",
		words: "취소사유 지연사유 문의내용 안내 배송메모 요청사항 reason message",
		`은행$`: "은행 은행명 입금은행", `택배$`: "택배사 택배사명", `카드$`: "카드사 결제수단", `%$`: "할인율 적립률 rate", `요일$`: "요일", `^\d+월$`: "청구월 월",
		`~`: "기간 유효기간 행사기간", `^배송 준비 중$`: "상태 주문상태 status", `@`: "이메일 email", `^https://`: "링크 URL 상세_링크 홈페이지",
		`명$`: "인원 예약인원", `^hong`: "아이디", `^골드$`: "회원등급", `쿠폰`: "쿠폰명", `요금제`: "요금제", `^기초`: "강의명 과정명", `^겨울`: "행사명 이벤트",
	} {
		fits := regexp.MustCompile(pattern)
		for name := range strings.FieldsSeq(names) {
			if got := example.Value(name); !fits.MatchString(got) {
				t.Errorf("%s: %q is not like %s", name, got, pattern)
			}
		}
	}
}

func TestValueOfANameThatNobodyKnows(t *testing.T) {
	t.Parallel()
	if got := example.Value("ㅋㅋ"); got != "ㅋㅋ 예시" {
		t.Errorf("got %q", got)
	}
}

// Inside an address there is no white space, and nothing that would have to be escaped.
func TestSegment(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"송장번호": "123456789012", "주문번호": "20261201-0001", "상품명": "10482", "링크": "10482", "날짜": "10482", "code": "A1B2C3", "무엇": "10482",
	} {
		if got := example.Segment(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
