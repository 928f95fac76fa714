// Package example makes up values for the variables of templates: what a person would put there, by the variable's name.
package example

import (
	"strings"
	"unicode"

	"sms-api/internal/aligo"
	"sms-api/internal/message"
)

// Value is a made-up value that fits a variable's name, in Korean or English: 홍길동 for 이름, 25,000 for 결제금액. A name
// of which nothing is known is given back with the word 예시 behind it.
func Value(name string) string {
	plain := strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name))
	if v := longest(plain, strings.HasSuffix); v != "" {
		return v
	}
	// A Korean name says last what it is; what is left has its noun further in front, such as 금액합산안내.
	if v := longest(plain, strings.Contains); v != "" {
		return v
	}
	return strings.TrimSpace(name) + " 예시"
}

// For are made-up values for all variables of a template, with which it can be sent.
func For(t aligo.Template) map[string]string {
	values := map[string]string{}
	for _, name := range t.Variables() {
		values[name] = Value(name)
	}
	const address = "https://example.com"
	for _, b := range t.Buttons {
		for _, link := range []string{b.LinkMobile, b.LinkPC, b.LinkIOS, b.LinkAndroid} {
			for _, name := range message.Placeholders(link) {
				switch {
				case name == message.NamePlaceholder || values[name] == address:
				case strings.HasPrefix(link, "#{"+name+"}"):
					// What stands for the beginning of an address has to look like one.
					values[name] = address
				default:
					values[name] = Segment(name)
				}
			}
		}
	}
	return values
}

// Segment is a made-up value for a variable inside an address, where there is no white space.
func Segment(name string) string {
	const other = "10482"
	v := Value(name)
	for _, r := range v {
		if r != '-' && !unicode.IsDigit(r) && (r > unicode.MaxASCII || !unicode.IsLetter(r)) {
			return other
		}
	}
	return v
}

// longest is the value of the longest word that the name has where it should; empty if it has none.
func longest(name string, has func(name, word string) bool) string {
	found, value := "", ""
	for _, g := range groups() {
		for word := range strings.FieldsSeq(g.words) {
			if len(word) > len(found) && has(name, word) {
				found, value = word, g.value
			}
		}
	}
	return value
}

// group is a value and the words with which names end that it fits.
type group struct{ value, words string }

func groups() []group {
	return []group{
		{"홍길동", "이름 성함 성명 고객 고객명 고객이름 회원 회원명 회원이름 사용자 사용자명 수신자 수신자명 수신인 수령인 수령자 수취인 " +
			"받는분 받는사람 받으시는분 주문자 주문자명 구매자 구매자명 신청자 신청자명 신청인 예약자 예약자명 예금주 입금자 입금자명 " +
			"환자 환자명 학생 학생명 수강생 수강생명 원아명 보호자 보호자명 학부모 참석자 참가자 대상자 방문자 계약자 가입자 user username " +
			"name fullname customer customername membername recipient receiver buyer buyername client"},
		{"김하늘", "담당자 담당자명 담당 상담사 상담원 기사 기사명 배송기사 매니저 직원 직원명 선생님 강사 강사명 의사 의사명 원장 디자이너 코치 " +
			"보내는분 보낸분 보내는사람 발신자 추천인 판매자 manager staff teacher doctor driver sender seller"},
		{"길동이", "닉네임 별명 nickname"},
		{"초코", "반려동물 반려동물명 아이이름 pet petname"},
		{"면 티셔츠 (흰색)", "상품 상품명 상품이름 제품 제품명 품명 품목 물품 물품명 메뉴 메뉴명 주문상품 주문내역 주문내용 구매상품 구성품 " +
			"product productname item itemname goods menu"},
		{"흰색 / L", "옵션 옵션명 색상 사이즈 규격 option color size"},
		{"2", "수량 개수 갯수 건수 횟수 매수 회차 잔여횟수 남은횟수 신청건수 count quantity qty times"},
		{"2명", "인원 인원수 참석인원 예약인원 people persons guests"},
		{"20261201-0001", "주문번호 주문코드 주문 거래번호 결제번호 승인번호 구매번호 문의번호 접수번호 신청번호 계약번호 관리번호 문서번호 청구번호 " +
			"견적번호 order orderno ordernumber orderid paymentid transactionid receiptno"},
		{"R-1201-07", "예약번호 예매번호 티켓번호 reservationno reservationid bookingid bookingno ticket ticketno"},
		{"123456789012", "송장 송장번호 운송장 운송장번호 배송번호 택배번호 trackingno trackingnumber tracking invoice invoiceno"},
		{"482915", "인증번호 인증코드 인증 보안코드 확인코드 otp verificationcode authcode pin pincode"},
		{"a7K2p9", "비밀번호 임시비밀번호 초기비밀번호 패스워드 출입번호 password passcode"},
		{"WELCOME-2026", "쿠폰번호 쿠폰코드 할인코드 초대코드 추천코드 프로모션코드 couponcode promocode referralcode"},
		{"5,000원 할인 쿠폰", "쿠폰 쿠폰명 혜택 혜택명 혜택내용 할인 coupon benefit"},
		{"110-123-456789", "계좌 계좌번호 가상계좌 가상계좌번호 입금계좌 환불계좌 account accountnumber accountno"},
		{"가나은행", "은행 은행명 입금은행 bank bankname"},
		{"가나카드", "카드 카드사 카드명 카드사명 card cardname"},
		{"1234-****-****-5678", "카드번호 cardnumber cardno"},
		{"신용카드", "결제수단 결제방법 결제방식 지불방법 paymentmethod"},
		{"가나택배", "택배 택배사 택배사명 택배회사 배송사 배송업체 운송사 carrier courier"},
		{"010-1234-5678", "전화번호 전화 연락처 휴대폰 휴대폰번호 휴대전화 핸드폰 핸드폰번호 phone phonenumber mobile mobilenumber mobileno tel contact cellphone"},
		{"02-1234-5678", "고객센터 고객센터번호 대표번호 대표전화 문의전화 문의처 매장전화 매장전화번호 상담전화 callcenter"},
		{"12가 3456", "차량번호 차번호 차량 carnumber"},
		{"7", "대기번호 순번 대기순번 대기인원 번째 차수 waitingnumber rank"},
		{"1024", "회원번호 고객번호 사번 학번 수험번호 환자번호 등록번호 번호 memberid memberno userid number no num id idx seq"},
		{"hong123", "아이디 회원아이디 계정 loginid login"},
		{"123-45-67890", "사업자번호 사업자등록번호"},
		{"04524", "우편번호 zipcode postcode"},
		{"A1B2C3", "코드 식별코드 code"},
		{"25,000", "금액 가격 요금 합계 총액 비용 잔액 잔고 대금 단가 판매가 할인가 정가 결제금액 주문금액 입금금액 환불금액 할인금액 납부금액 " +
			"청구금액 미납금 미납금액 배송비 수수료 이용료 회비 수강료 보증금 예약금 계약금 관리비 렌탈료 입금액 결제액 환불액 청구액 할인액 원금 " +
			"amount price total cost fee balance sum charge"},
		{"1,500", "포인트 적립금 마일리지 적립포인트 잔여포인트 소멸포인트 보유포인트 캐시 point points mileage credit"},
		{"10%", "할인율 비율 퍼센트 이율 금리 적립률 수익률 달성률 rate percent discountrate"},
		{"2026년 12월 1일", "날짜 일자 예약일 예약날짜 예약일자 주문일 주문일자 결제일 결제일자 배송일 배송예정일 발송일 도착일 도착예정일 마감일 만료일 " +
			"종료일 시작일 개시일 기한 납부기한 입금기한 납기일 납부일 출금일 이체일 방문일 방문일자 진료일 수업일 신청일 가입일 접수일 처리일 취소일 " +
			"환불일 환불예정일 소멸일 소멸예정일 행사일 청구일 계약일 점검일 개강일 출고일 입고일 입금일 발급일 사용일 구매일 당첨일 생일 일정 예정일 " +
			"date day duedate deadline expiry expirydate expiredate birthday"},
		{"2026년 12월 1일 오후 3시", "일시 예약일시 방문일시 주문일시 결제일시 접수일시 발송일시 진료일시 상담일시 변경일시 승인일시 등록일시 처리일시 " +
			"예약시간 방문시간 날짜시간 datetime timestamp createdat updatedat scheduledat"},
		{"오후 3시", "시간 시각 시작시간 종료시간 운영시간 영업시간 도착시간 도착예정시간 입장시간 time starttime endtime"},
		{"3분", "유효시간 제한시간 소요시간 대기시간 예상시간 duration"},
		{"2026년 12월 1일 ~ 12월 7일", "기간 유효기간 이용기간 사용기간 행사기간 신청기간 접수기간 점검기간 교육기간 계약기간 period"},
		{"화요일", "요일 weekday dayofweek"},
		{"12월", "월 청구월 납부월 해당월 이용월 결제월 month"},
		{"2026년", "년 년도 연도 year"},
		{"12시간", "남은시간"},
		{"7일", "남은일수 일수 잔여일 잔여일수 디데이 days"},
		{"서울특별시 중구 세종대로 110", "주소 배송지 배송주소 배송지주소 받는주소 도로명주소 매장주소 방문주소 상세주소 address addr"},
		{"마실상점 시청점", "장소 매장 매장명 매장이름 지점 지점명 센터 센터명 방문장소 예약장소 수령장소 픽업장소 위치 place location store " +
			"storename shop shopname branch branchname venue"},
		{"마실상점", "회사 회사명 업체 업체명 상호 상호명 쇼핑몰 쇼핑몰명 브랜드 브랜드명 서비스 서비스명 사이트 사이트명 가게 가게명 기관명 기관 병원 병원명 " +
			"학원 학원명 학교 학교명 식당명 판매처 채널명 앱이름 company companyname brand brandname service servicename mall sitename"},
		{"고객지원팀", "부서 부서명 담당부서 소속 팀 팀명 department team"},
		{"내과", "진료과 진료과목 과목명"},
		{"기초 요가", "강의 강의명 강좌 강좌명 수업 수업명 과목 과정 과정명 프로그램 프로그램명 교육명 클래스 class course coursename lecture"},
		{"겨울 감사제", "이벤트 이벤트명 행사 행사명 공연 공연명 캠페인 event eventname"},
		{"A열 12번", "좌석 좌석번호 자리 seat seatno"},
		{"302호", "호실 객실 객실명 방 방번호 병실 동호수 회의실 room roomname"},
		{"배송 준비 중", "상태 진행상태 주문상태 배송상태 처리상태 진행상황 처리결과 결과 status state result"},
		{"재고가 없어 보내 드리지 못했습니다.", "사유 취소사유 반려사유 거절사유 환불사유 변경사유 지연사유 reason"},
		{"정기 점검 안내", "제목 공지제목 공지 안내제목 문의제목 주제 title subject notice"},
		{"문의하신 내용을 확인했습니다.", "내용 안내 안내내용 문의내용 상담내용 답변 답변내용 변경내용 공지내용 상세내용 메시지 설명 본문 content message " +
			"text body description detail"},
		{"문 앞에 놓아 주세요.", "요청사항 배송메모 배송메시지 메모 비고 특이사항 전달사항 memo note remark request"},
		{"골드", "등급 회원등급 멤버십 grade level membership tier"},
		{"베이직 요금제", "요금제 상품권 플랜 이용권 이용권명 구독상품 plan planname subscription"},
		{"hong@example.com", "이메일 메일 메일주소 이메일주소 email mail emailaddress"},
		{"https://example.com/orders/10482", "링크 주소링크 url 홈페이지 홈페이지주소 웹주소 웹사이트 바로가기 단축url link shorturl homepage website " +
			"페이지주소 페이지 경로 path"},
	}
}
